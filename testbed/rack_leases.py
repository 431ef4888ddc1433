"""`rack leases`: who holds what, on this machine and at the agents of a rack."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

from hil.agent_line import AgentLine
from hil.locks import standing
from hil.rack import RackFile
from scheme.errors import ReaderError


def here(*, why: bool) -> list[dict[str, Any]]:
    """Return the locks of this machine that are held; with `why` those that were as well."""
    now_s = time.time()
    return [
        {
            "resource": lock.resource,
            "agent": "",
            "held": lock.held,
            "holder": asdict(lock.holder) if lock.holder else None,
            "said": lock.holder.sentence(now_s) if lock.holder else "nobody who has said who",
        }
        for lock in standing()
        if lock.held or why
    ]


def there(rack: RackFile) -> list[dict[str, Any]]:
    """Return the leases at a rack's agents.

    Raises:
        ReaderError: If there is no token for one of them, or it does not answer.
    """
    told = []
    for agent in rack.agents.values():
        token = os.environ.get(agent.token_env)
        if not token:
            raise ReaderError(
                f"agent {agent.name}: expected a token in {agent.token_env}, got none"
            )
        line = AgentLine(agent.url, token, agent.certificate)
        try:
            places = line.places()
        finally:
            line.close()
        for place in places:
            if place.lease is not None:
                lease = place.lease
                time_left = f"{lease.age_s:.0f} s ago, {lease.left_s:.0f} s left"
                told.append(
                    {
                        "resource": place.place,
                        "agent": agent.name,
                        "held": True,
                        "holder": {"owner": lease.owner, "run": lease.run},
                        "said": f"{lease.owner} ({lease.run}, {time_left})",
                    }
                )
    return told


def lines(told: list[dict[str, Any]]) -> list[str]:
    """Return what a person is told."""
    return [
        f"{row['resource']}{' at ' + row['agent'] if row['agent'] else ''}: "
        f"{'held by' if row['held'] else 'free, last held by'} {row['said']}"
        for row in told
    ] or ["nobody holds a device"]
