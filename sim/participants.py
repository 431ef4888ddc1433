"""What the city must know of the participants: who runs each service, who issues how many cards."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from scheme.services import Service
from sim.document import read_document

FORMAT = "jakarta-one/participants/1"


class Participants(NamedTuple):
    """Operators by service, and weights of issuing banks by participant number."""

    operators: dict[Service, int]
    issuers: dict[int, float]


def read_participants(file: Path) -> Participants:
    """Return the participants of a file.

    Raises:
        ScenarioError: If it is of another format, or lacks the operator of a service.
    """
    document = read_document(file)
    plain = document.plain
    if plain.get("format") != FORMAT:
        raise document.error(("format",), FORMAT, plain.get("format"))
    run = plain.get("operators")
    if not isinstance(run, dict):
        raise document.error(("operators",), "a mapping of service to participant number", run)
    for service in Service:
        if not isinstance(run.get(service.name), int):
            expected = f"the participant number that runs {service.name}"
            raise document.error(("operators", service.name), expected, run.get(service.name))
    rows = plain.get("participants") or []
    issuers = {
        int(row["number"]): float(row.get("cards_share_bps", 0))
        for row in rows
        if "issuer" in row.get("roles", ())
    }
    if not any(issuers.values()):
        raise document.error(("participants",), "issuers with cards_share_bps", "none")
    return Participants({service: int(run[service.name]) for service in Service}, issuers)
