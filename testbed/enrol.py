"""Everything a back office must know before the first tap, handed over in one order.

Participants, devices, cards, the issuers' keys, the tariff and the hotlists of a city, in the
numbers of an epoch. The same for every target.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from load.parquet import read_columns
from load.plan import enrolment, read_manifest
from scheme.keys import KEY_VERSION, Role, TestKeys
from scheme.numbers import in_epoch_card, in_epoch_hotlist
from scheme.target import IssuerKey, Target


def enrol(office: Target, city: Path, epoch: int = 0) -> None:
    """Make a city known to a back office; again is no change.

    Raises:
        BadInputError: If a file of the city is missing or broken.
        TargetError: If the back office does not take it.
    """
    manifest = read_manifest(city)
    keys = TestKeys(int(manifest["key_seed"]))
    participants, profiles = (
        YAML(typ="safe").load((city / "truth" / f"{name}.yaml").read_bytes())
        for name in ("participants", "card_profiles")
    )
    office.enrol_participants(participants | {"profiles": profiles["profiles"]})
    for bundle in sorted((city / "truth" / "tariffs").glob("*.json")):
        office.publish_tariff(int(manifest["tariff_version"]), bundle.read_bytes())
    known = enrolment(city, keys, epoch)
    office.enrol_terminals(known.terminals, known.senders)
    office.enrol_cards(known.cards)
    office.enrol_issuer_keys(issuer_keys(keys, participants))
    _publish_hotlists(office, city, epoch)


def issuer_keys(keys: TestKeys, participants: dict[str, Any]) -> list[IssuerKey]:
    """Return the TAC master key of every bank that issues cards."""
    issuers = [p["number"] for p in participants["participants"] if "issuer" in p["roles"]]
    return [
        IssuerKey(issuer, KEY_VERSION, keys.issuer_master(issuer, Role.tac)) for issuer in issuers
    ]


def _publish_hotlists(office: Target, city: Path, epoch: int) -> None:
    columns = ("version", "published_at_ms", "card")
    lists = read_columns(city / "truth" / "hotlists.parquet", columns, "version")
    cards = lists["card"].astype(np.int64)
    if epoch:
        cards = np.asarray(in_epoch_card(cards, epoch))
    for version in np.unique(lists["version"]).tolist():
        rows = lists["version"] == version
        published = int(lists["published_at_ms"][rows][0])
        known_as = in_epoch_hotlist(version, epoch)
        office.publish_hotlist(known_as, published, cards[rows].astype(np.uint64))
