"""The seed of everything random in a bench: J1_SEED, or the same every time."""

from __future__ import annotations

import os

SEED = int(os.environ.get("J1_SEED", "2026"))
