"""A validator in this process, and a card and a SAM that power cuts leave alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hil.readers.model import ModelReader
from hil.validator.config import Config
from hil.validator.device import Device
from scheme.decision import Terminal
from scheme.keys import TestKeys
from scheme.purse import Purse
from scheme.records import TapRecord
from scheme.sam import Sam
from scheme.services import Direction, Service, TerminalKind
from tests.cards import KEYS, TERMINAL, purse, sam
from tests.hil.tiny_city import tariff

PRICE_IDR = 700


class PowerCutError(BaseException):
    """Power has gone: nothing that could catch an exception runs any more."""


class Cut(NamedTuple):
    """When power goes: at which exchange with the card, from 0, before or after its answer."""

    exchange: int
    answered: bool


class Powered:
    """A card whose reader's power may go at an exchange."""

    def __init__(self, card: Purse) -> None:
        self.card = card
        self.cut: Cut | None = None
        self._exchanges = 0

    def answer(self, apdu: bytes) -> bytes:
        at, self._exchanges = self._exchanges, self._exchanges + 1
        self._go(Cut(at, False))
        answer = self.card.answer(apdu)
        self._go(Cut(at, True))
        return answer

    def reset(self) -> None:
        self._exchanges = 0
        self.card.reset()

    def _go(self, now: Cut) -> None:
        if self.cut == now:
            self.cut = None
            raise PowerCutError


class Till:
    """A shop's till, switched on and off; card and SAM stay."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self._tariff = folder / "tariff.json"
        self._tariff.write_bytes(small_bundle(1))
        facts = Terminal(Service.shop, TerminalKind.till, Direction.either, 101)
        plain = Config(
            TERMINAL, TERMINAL, 1, facts, "model://empty", "model://", folder / "state",
            self._tariff, "", None, KEYS.sender_signing_key(TERMINAL),
            KEYS.sender_mac_key(TERMINAL), TestKeys(7), 0, False, 50, 60_000, 3_600, 600,
            1 << 20, 10,
        )  # fmt: skip
        self.config: Config = replace(plain, **changes)  # type: ignore[arg-type]
        self.card = Powered(purse())
        self.sam: Sam = sam()

    def on(self) -> Device:
        """Switch it on, with the SAM that it always has, and nobody in the field."""
        device = Device(self.config)
        module = device.sam
        assert isinstance(module, ModelReader)
        module.insert(self.sam)
        return device

    def on_with_own_sam(self) -> Device:
        """Switch it on with the SAM that its file has issued."""
        return Device(self.config)

    def tapped(self, device: Device, cut: Cut | None = None) -> None:
        """Present the card; power goes where a cut says."""
        assert isinstance(device.reader, ModelReader)
        device.reader.insert(self.card)
        self.card.cut = cut
        try:
            device.present(PRICE_IDR)
        except PowerCutError:
            pass
        finally:
            self.card.reset()


def small_bundle(version: int) -> bytes:
    """Return the shipped tariff without its big tables, which a till does not need."""
    said = json.loads(tariff().bundle())
    rows = [row for row in said["rows"] if len(json.dumps(row)) < 1_000]
    return json.dumps(said | {"version": version, "rows": rows}).encode()


def records(device: Device) -> list[TapRecord]:
    """Return what a device has recorded and not sealed yet."""
    return [TapRecord(data) for data in device.book.memory.pending(1_000)]

