"""A till's SAM and cards, which live here, outlast every kill and keep their own account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from hil.issuing import issue
from hil.reader import Card
from scenarios.shipped import data_folder
from scheme.apdu import Ins, parse_debited
from scheme.image import CardKeys, Image, Limits
from scheme.keys import KEY_VERSION, Role, TestKeys
from scheme.layouts import INIT_DATA
from scheme.personalisation import CardData
from scheme.sam import IssuerKeys, May
from scheme.sam_personalisation import SamData
from scheme.services import Direction, Service, TerminalKind
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE, Target
from scheme.tariffs import TARIFF_FILE, Tariff, parse_tariff, tables_named
from testbed.enrol import issuer_keys

ISSUER, OPERATOR = 1016, 2063
TERMINAL, SAM, PLACE = 63_018, 50_063_018, 101
FIRST_CARD = 9_810_160_000_000_010
OPENING_IDR, LIMIT_IDR = 1_500_000, 2_000_000
FAR_DAY = 30_000
HEADER_SIZE = 5
OK = b"\x90\x00"

Fatal = Callable[[int, bool], None]


class Moved(NamedTuple):
    """A debit as the card itself knows it."""

    nt: int
    amount_idr: int


@dataclass
class Account:
    """A card that writes down every debit it has carried out.

    Attributes:
        fatal: Is told of every command before and after it is answered, and may end the validator.
    """

    number: int
    card: Card
    fatal: Fatal
    moved: list[Moved] = field(default_factory=list)
    _asked_idr: int = 0

    def answer(self, apdu: bytes) -> bytes:
        """Return the card's answer."""
        ins = apdu[1] if len(apdu) > 1 else 0
        self.fatal(ins, False)
        answer = self.card.answer(apdu)
        if answer[-2:] == OK and ins == Ins.init:
            said = INIT_DATA.unpack(apdu[HEADER_SIZE : HEADER_SIZE + INIT_DATA.size])
            self._asked_idr = said["amount"]
        elif answer[-2:] == OK and ins == Ins.debit:
            self.moved.append(Moved(parse_debited(answer[:-2]).nt, self._asked_idr))
        self.fatal(ins, True)
        return answer

    def reset(self) -> None:
        """Forget what power loss forgets."""
        self.card.reset()


class Town:
    """All that outlives the validator."""

    def __init__(self, seed: int, cards: int) -> None:
        self.keys = TestKeys(seed)
        self.tariff = shipped_tariff()
        self.fatal: Fatal = lambda ins, answered: None
        self.accounts = [self._account(at) for at in range(cards)]
        self.sam = issue("python", self._sam())

    def enrol(self, office: Target) -> None:
        """Make the town known to a back office."""
        participants, profiles = (
            YAML(typ="safe").load((data_folder() / f"{name}.yaml").read_bytes())
            for name in ("participants", "card_profiles")
        )
        office.enrol_participants(participants | {"profiles": profiles["profiles"]})
        office.publish_tariff(self.tariff.version, self.tariff.bundle())
        office.enrol_terminals(*self._terminals())
        office.enrol_cards(self._cards())
        office.enrol_issuer_keys(issuer_keys(self.keys, participants))

    def config(self, folder: Path, office: str, ports: tuple[int, int, int]) -> Path:
        """Write the validator's file and return where; ports of reader, SAM and control."""
        (folder / "tariff.json").write_bytes(self.tariff.bundle())
        said: dict[str, Any] = {
            "format": "jakarta-one/validator/1", "terminal": TERMINAL, "service": "shop",
            "kind": "till", "place": PLACE, "reader": f"vpcd://127.0.0.1:{ports[0]}",
            "sam": f"vpcd://127.0.0.1:{ports[1]}", "control": f"127.0.0.1:{ports[2]}",
            "folder": "state", "tariff": "tariff.json", "office": office,
            "test_keys": self.keys.seed, "batch_records": 8, "batch_age_ms": 30,
            "compact_bytes": 20_000,
        }  # fmt: skip
        path = folder / "validator.yaml"
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(said, file)
        return path

    def _account(self, at: int) -> Account:
        number = FIRST_CARD + 16 * at
        image = Image(number, ISSUER, 1, 0, KEY_VERSION, 0, 0, FAR_DAY, at, OPENING_IDR)
        keys = CardKeys.of(
            lambda role: self.keys.issuer_master(ISSUER, role), number, ISSUER, KEY_VERSION
        )
        card = issue("python", CardData(image, keys, Limits(LIMIT_IDR)))
        return Account(number, card, lambda ins, answered: self.fatal(ins, answered))

    def _sam(self) -> SamData:
        master = self.keys.issuer_master(ISSUER, Role.debit)
        masters = {IssuerKeys(ISSUER, Role.debit, KEY_VERSION): master}
        return SamData(SAM, TERMINAL, May.debit, masters, self.keys.sam_receipt_key(SAM))

    def _terminals(self) -> tuple[NDArray[np.void], NDArray[np.void]]:
        terminals, senders = np.zeros(1, TERMINAL_DTYPE), np.zeros(1, SENDER_DTYPE)
        terminals[0] = (
            TERMINAL, TERMINAL, OPERATOR, Service.shop, TerminalKind.till, Direction.either,
            PLACE, 0, 0, SAM,
        )  # fmt: skip
        senders["sender"], senders["key_version"] = TERMINAL, KEY_VERSION
        senders["public_key"][0] = np.frombuffer(self.keys.sender_public_key(TERMINAL), np.uint8)
        senders["mac_key"][0] = np.frombuffer(self.keys.sender_mac_key(TERMINAL), np.uint8)
        return terminals, senders

    def _cards(self) -> NDArray[np.void]:
        cards = np.zeros(len(self.accounts), CARD_DTYPE)
        cards["card"] = [account.number for account in self.accounts]
        cards["issuer"], cards["expiry"], cards["profile"] = ISSUER, FAR_DAY, 1
        cards["nt"] = np.arange(len(cards))
        cards["balance"], cards["key_version"] = OPENING_IDR, KEY_VERSION
        return cards


def shipped_tariff() -> Tariff:
    """Return the tariff that is shipped."""
    folder = data_folder() / "tariffs" / "jakarta-2026"
    said = (folder / TARIFF_FILE).read_bytes()
    return parse_tariff(
        {TARIFF_FILE: said} | {name: (folder / name).read_bytes() for name in tables_named(said)}
    )
