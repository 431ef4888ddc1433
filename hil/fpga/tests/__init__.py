"""Benches: what cocotb does to the RTL in Icarus, and the bench that replays recorded stimuli."""
