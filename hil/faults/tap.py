"""One tap with a fault in it, what the card says after it, and the tap that follows.

The tap is a purchase of a fixed sum, by the dialogue that every terminal has; the card is read
again and again before the next one, since a cell that was torn may read one way today and another
tomorrow. What must hold: the card is all old or all new, and in the end it has paid once.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hil.exchange import Transceiver, conduct
from hil.faults.plan import Fault, Tear
from hil.fpga.tears import Tears, TimedFaults
from hil.issuing import may_of
from hil.own_card import OWN_IMAGE, OWN_SEED, own_card_data
from hil.reader import Card, held, make_reader, open_reader
from hil.readers.fault import FaultReader
from scheme.apdu import Selected, parse_response, parse_selected, select_command
from scheme.decision import Decision
from scheme.dialogue import Outcome, present
from scheme.errors import PurseRefusedError, ReaderError
from scheme.keys import PURSE_AID, Role, TestKeys
from scheme.personalisation import CardData
from scheme.presentation import Presentation, TornTap
from scheme.records import RecordKind
from scheme.sam import IssuerKeys
from scheme.sam_personalisation import SamData
from scheme.services import Service
from scheme.status import Sw
from scheme.verdicts import Verdict

TERMINAL, SAM, PLACE = 63_018, 50_063_018, 101
AT_MS = 1_769_556_000_000  # any instant does: no tariff prices this purchase
AMOUNT_IDR = 500
OPENING_IDR = 1_000_000
TRIES = 4  # the tap that follows, and after that the ones that a passenger would try
MISSED = (Tear.lost, Tear.unheard, Tear.write)
SELECT = select_command(PURSE_AID).encode()


class State(Enum):
    """What the card is after a fault."""

    old = "old"
    new = "new"
    torn = "torn"


class Tapped(NamedTuple):
    """How one fault ended.

    Attributes:
        fired: Whether the fault happened.
        said: What it did.
        tap: The verdict of the tap, or what broke it.
        state: What the card was, by every reading.
        after: The same of the tap that followed; `none` if the first was accepted.
        right: Whether the card has paid exactly once in the end.
    """

    fired: bool
    said: str
    tap: str
    state: State
    after: str
    right: bool


class Bench:
    """One reader with faults, one SAM, and cards issued here."""

    def __init__(self, url: str, timer: Tears | None = None) -> None:
        """Open them, torn by the timer's output 0 if there is one; raises as `open_reader` does."""
        inner = make_reader(url)
        self.reader = FaultReader(inner) if timer is None else TimedFaults(inner, timer, 0)
        self.reader.open()
        self._sam = held(open_reader("model://empty"))
        keys = TestKeys(OWN_SEED)
        set_of = IssuerKeys(OWN_IMAGE.issuer, Role.debit, OWN_IMAGE.key_version)
        masters = {set_of: keys.issuer_master(*set_of)}
        self._sam.insert(
            self._sam.issue(
                SamData(SAM, TERMINAL, may_of(Service.shop), masters, keys.sam_receipt_key(SAM))
            )
        )
        self._sequence = 0

    def close(self) -> None:
        """Let go of both."""
        self.reader.close()
        self._sam.close()

    def tap_with(self, fault: Fault, reads: int) -> Tapped:
        """Tap a fresh card with a fault in it, read it so many times, and tap it again."""
        card = self.reader.issue(_data())
        memory: dict[int, TornTap] = {}
        self.reader.insert(card)
        before = self._read()
        evidence = self.reader.arm(fault)
        tap = self._tap(memory)
        self.reader.disarm()
        self._bring_back(card)
        readings = {self._read() for _ in range(reads)}
        state, after, tries = _state(before, readings), "none", 0
        while tap != Verdict.accepted.name and after in ("none", Verdict.tap_was_torn.name):
            if tries == TRIES:
                break
            after, tries = self._tap(memory), tries + 1
        paid = before.balance - AMOUNT_IDR, before.nt + 1
        last = self._read()
        right = (last.balance, last.nt) == paid
        # A tear that says it fired, at a tap that missed nothing, did not.
        lied = fault.tear in MISSED and tap == Verdict.accepted.name
        return Tapped(evidence.fired and not lied, evidence.said, tap, state, after, right)

    def _tap(self, memory: dict[int, TornTap]) -> str:
        self._sequence += 1
        presented = Presentation(TERMINAL, PLACE, AT_MS, 0, 0, self._sequence, bytes(12))
        try:
            outcome = _carried(presented, memory, self.reader, self._sam)
        except PurseRefusedError as refused:
            return f"SW {refused.sw:04X}"
        except ReaderError:
            return "bench error"
        if outcome.torn is not None:
            memory[outcome.torn.selected.card] = outcome.torn
        return "recovered" if outcome.recovered else outcome.verdict.name

    def _bring_back(self, card: Card) -> None:
        """Have the card in the field again, whatever the fault did to it and to the reader."""
        try:
            self.reader.insert(card)
        except ReaderError:
            self.reader.close()
            self.reader.open()
            self.reader.insert(card)

    def _read(self) -> Selected:
        """Return what the card says of itself after it had no power."""
        self.reader.field_off()
        answer = parse_response(self.reader.transceive(SELECT).response)
        if answer.sw != Sw.ok:
            raise PurseRefusedError("card refused SELECT", answer.sw)
        return parse_selected(answer.data)


def _carried(
    presented: Presentation, memory: dict[int, TornTap], card: Transceiver, sam: Transceiver
) -> Outcome:
    def rule(_: Selected) -> Decision:
        return Decision(Verdict.accepted, AMOUNT_IDR, RecordKind.debit, b"")

    return conduct(present(presented, rule, memory), card, sam)[0]


def _data() -> CardData:
    data = own_card_data()
    return data._replace(image=data.image._replace(balance=OPENING_IDR))


def _state(before: Selected, readings: set[Selected]) -> State:
    if len(readings) == 1:
        (now,) = readings
        if now == before:
            return State.old
        if (now.nt, now.balance) == (before.nt + 1, before.balance - AMOUNT_IDR):
            return State.new
    return State.torn

