"""A validator killed at any moment: its cards, its lives, and what was claimed at the end."""
