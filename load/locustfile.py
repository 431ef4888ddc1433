"""locust -f load/locustfile.py --host http://127.0.0.1:8711 --jk1-city runs/morning/city --headless

Replays a city's plan at its intended instants. The target must know the plan's devices and cards.
With `--processes N` every worker takes whole senders. Exit code: 0 if every upload was taken, 1 if
one was not, 4 if the run is INVALID because the plan was not kept.
"""

from __future__ import annotations

from locust import events

from load.locust_user import PlanShape, PlanUser, listen

__all__ = ["PlanShape", "PlanUser"]  # Locust looks for user and shape classes by name

listen(events)
