"""Whole chains: real records through the real server, judged from truth made by hand."""
