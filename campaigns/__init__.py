"""Campaigns: many cards, many commands, many tears, and what was found: `python -m campaigns NAME`.

Each module here is one campaign, with `SIZE`, `run` and `replay`; `make test` runs every one at a
fiftieth of its size. What they share is in folders: `bench/` (cards, terminals, harness, planted
defects), `talk/` (what is said to a card) and `torn/` (where it is torn). No rule of the scheme is
here, and nothing in the product imports this.
"""
