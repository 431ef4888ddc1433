"""Faults on purpose: at a reader, on the network, of a device; each leaves proof that it fired."""
