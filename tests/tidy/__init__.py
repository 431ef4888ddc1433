"""The checks of `tests/test_tidy.py`: what may not stand in this repository, and why."""
