"""The rack's FPGA: registers, frames, RTL, golden model, and what drives and tests them."""
