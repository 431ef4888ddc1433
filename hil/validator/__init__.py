"""The reference validator: the program that a real gate, bus, till or on-board unit would run."""
