"""Bytes that no decoder asked for: frames whole, mended, cut and drowned in noise."""
