"""The FPGA in Python, to the tick: what the RTL is held to."""
