"""Defects made by a script: Verilog in, one small change out, and what shows that it matters."""
