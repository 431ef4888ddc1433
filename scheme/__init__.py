"""The rulebook: what card, reader, city, clearing house and judge all agree on.

Pure: no input or output, no clock, no chance. Import from the module where a thing is defined.
"""
