"""Cases of whole dialogues: sizes, exchanges, what is never said, and our own terminal and SAM.

Sources: docs/spec/card.md §2, §13, §14. The last ones let the city's dialogue and the Python SAM
speak to the card: they prove that these two and the card go together, not which of them is right.
"""

from __future__ import annotations

import secrets
from functools import partial

from hil.conformance.case import Case, Play, cases
from hil.conformance.given import BALANCE, CARD, NT, plain, sam
from hil.conformance.judging import Wrong, done, equal
from hil.conformance.terminal import (
    ADMIN,
    CATEGORY,
    DEBIT,
    IDENTITY,
    PROOF,
    Terminal,
)
from hil.conformance.value import cancelled, debited, debited_aid, entry, loaded, proved, reserved
from hil.exchange import Exchange, conduct
from hil.readers.model import ModelReader
from scheme.decision import Decision
from scheme.dialogue import Outcome, present
from scheme.errors import CardGoneError, PurseRefusedError, RecordError
from scheme.presentation import Presentation, TornTap
from scheme.records import RecordKind
from scheme.sam_personalisation import make_sam
from scheme.verdicts import Verdict

AMOUNT = 2_500
STATES = {RecordKind.debit_transit: bytes(range(29)), RecordKind.debit_parking: bytes(range(7))}
AT_MS, PLACE, TERMINAL = 1_775_000_000_250, 101, 18


def _everything(terminal: Terminal) -> None:
    """Every command of the purse that answers, once."""
    moved = debited(terminal, AMOUNT, 1, bytes(29))
    done(terminal.confirm(moved.nt), 0)
    cancelled(terminal, AMOUNT, 1, plain().image.transit)
    reserved(terminal, AMOUNT)
    loaded(terminal, AMOUNT, 2)
    last = debited_aid(terminal, 2, 50_000, AMOUNT, CATEGORY)
    proved(terminal, last.nt)
    entry(terminal, 1)
    terminal.open(ADMIN)
    terminal.proved(0x54, terminal.put_entitlement(3, 20_700), 12)
    said = terminal.look()
    terminal.open(ADMIN)
    terminal.proved(0x52, terminal.put_key(2, terminal.card_keys(said, 2)), 12)
    terminal.open(DEBIT)
    terminal.proved(0x4E, terminal.block(1), 12)
    terminal.open(ADMIN)
    terminal.proved(0x4E, terminal.unblock(), 12)


def _sizes(terminal: Terminal) -> None:
    """The terminal itself looks at every answer; here the largest of each is named."""
    _everything(terminal)
    largest: dict[int, int] = {}
    for told, heard in zip(terminal.told, terminal.heard, strict=True):
        largest[told[1]] = max(largest.get(told[1], 0), len(heard.data))
    right = {
        0xA4: 63, 0x40: 26, 0x42: 24, 0x44: 24, 0x46: 24, 0x48: 46, 0x4A: 0, 0x4C: 50, 0x4E: 12,
        0x52: 12, 0x54: 12,
    }  # fmt: skip
    equal("bytes of the largest answer, by INS", right, largest)


def _number_once(terminal: Terminal) -> None:
    _everything(terminal)
    done(terminal.select(IDENTITY), 1)
    number = CARD.to_bytes(8, "big")
    for told, heard in zip(terminal.told, terminal.heard, strict=True):
        if number in heard.data and told[1] != 0xA4:
            raise Wrong("the card number in SELECT alone", f"it in the answer to {told[1]:02X}")


def _uids(terminal: Terminal) -> None:
    uids = []
    for _ in range(8):
        terminal.power_off()
        terminal.look()
        uids.append(terminal.uid())
    equal("UIDs that differ", 8, len(set(uids)))
    if any(uid in CARD.to_bytes(8, "big") for uid in uids):
        raise Wrong("a random UID", "one made of the card number")


def _three(terminal: Terminal) -> None:
    terminal.told.clear()
    debited(terminal, AMOUNT, 1, bytes(29))
    equal("instructions told", [0xA4, 0x40, 0x42], [told[1] for told in terminal.told])


def _nothing_before(terminal: Terminal) -> None:
    """SELECT and INIT in all modes, power-off each time: the card is as it was, log and all."""
    first = debited(terminal, AMOUNT)
    was, stored = terminal.look(), proved(terminal, first.nt)
    for mode in (DEBIT, 2, 3, PROOF, ADMIN):
        terminal.power_off()
        terminal.open(mode, AMOUNT if mode == 3 else 0)
    terminal.power_off()
    equal("what SELECT says", was, terminal.look())
    equal("the proof", stored, proved(terminal, first.nt))


class _Loses:
    """A card that leaves the field before the answer to its n-th command is heard."""

    def __init__(self, terminal: Terminal, lost: int = -1) -> None:
        self._terminal = terminal
        self._lost = lost
        self.count = 0

    def transceive(self, apdu: bytes) -> Exchange:
        heard = self._terminal.send(apdu)
        self.count += 1
        if self.count == self._lost:
            self._terminal.power_off()
            raise CardGoneError("the card left the field")
        return Exchange(heard.data + heard.sw.to_bytes(2, "big"), 0, 0)


def _presented(
    terminal: Terminal, kind: RecordKind, lost: int = -1, torn: TornTap | None = None
) -> tuple[Outcome, int]:
    """Present the card at our terminal with our SAM; return the outcome and the exchanges."""
    module = ModelReader("empty", make_sam(sam(), partial(secrets.token_bytes, 8)))
    module.open()
    decision = Decision(Verdict.accepted, AMOUNT, kind, STATES.get(kind, b""))
    presented = Presentation(TERMINAL, PLACE, AT_MS, 1, 0, 1, bytes(12))
    left = None if torn is None else {torn.selected.card: torn}
    card = _Loses(terminal, lost)
    try:
        outcome, _ = conduct(present(presented, lambda _: decision, left), card, module)
    except (PurseRefusedError, RecordError) as wrong:
        raise Wrong("a whole dialogue", str(wrong)) from wrong
    return outcome, card.count


def _tapped(kind: RecordKind) -> Play:
    """Our terminal's record is proved by the card, byte for byte."""

    def play(terminal: Terminal) -> None:
        outcome, exchanges = _presented(terminal, kind)
        record = outcome.record
        if record is None:
            raise Wrong("a record", "none")
        said = terminal.look()
        equal("exchanges with the card", 3, exchanges)
        moved = AMOUNT if kind is RecordKind.load else -AMOUNT
        equal("balance and NT", (BALANCE + moved, NT + 1), (said.balance, said.nt))
        right = terminal.tac_of(record.card_part, said, 1)
        equal("TAC", right, record.fields()["tac"])

    return play


def _recovered(terminal: Terminal) -> None:
    """Our terminal loses the answer of DEBIT, and recovers its record at the next tap."""
    first, _ = _presented(terminal, RecordKind.debit_transit, lost=3)
    equal("verdict", Verdict.tap_was_torn, first.verdict)
    after = terminal.look()
    second, exchanges = _presented(terminal, RecordKind.debit_transit, torn=first.torn)
    if second.record is None or not second.recovered:
        raise Wrong("a recovered record", "none")
    equal("exchanges with the card", 3, exchanges)
    equal("what SELECT says", after, terminal.look())
    right = terminal.tac_of(second.record.card_part, after, 1)
    equal("TAC", right, second.record.fields()["tac"])


def _not_its_own(terminal: Terminal) -> None:
    """A rider torn here pays at a till and comes back: that payment is not this gate's."""
    first, _ = _presented(terminal, RecordKind.debit_transit, lost=2)
    equal("verdict", Verdict.tap_was_torn, first.verdict)
    debited(terminal, 1, at=TERMINAL + 52)
    second, exchanges = _presented(terminal, RecordKind.debit_transit, torn=first.torn)
    if second.record is None or second.recovered:
        raise Wrong("a debit of this gate", "another's, recovered")
    equal("exchanges with the card", 5, exchanges)
    said = terminal.look()
    equal("balance and NT", (BALANCE - 1 - AMOUNT, NT + 2), (said.balance, said.nt))
    right = terminal.tac_of(second.record.card_part, said, 1)
    equal("TAC", right, second.record.fields()["tac"])


CASES = [
    *cases(
        "APDU",
        (90, 6, "every answer of the purse", "no answer is over 64 bytes, SELECT's not over 96",
         _sizes),
        (91, 9, "every command of the purse",
         "the card number is said by SELECT and by nothing else", _number_once),
    ),
    Case(
        "JK1-CRD-APDU-092", "CRD-APDU-010", "the UID at eight activations",
        "nobody follows a card by its UID", _uids, anywhere=True,
    ),
    *cases(
        "TIM",
        (1, 1, "a whole debit", "three exchanges: SELECT, INIT, DEBIT", _three),
        (2, 1, "our terminal's tap without state", "three exchanges, and its record's TAC holds",
         _tapped(RecordKind.debit)),
        (3, 1, "our terminal's tap with transit state",
         "three exchanges, and its record's TAC holds", _tapped(RecordKind.debit_transit)),
        (4, 1, "our terminal's tap with parking state",
         "three exchanges, and its record's TAC holds", _tapped(RecordKind.debit_parking)),
        (5, 1, "our terminal's load", "three exchanges, and its record's TAC holds",
         _tapped(RecordKind.load)),
    ),
    *cases(
        "TEAR",
        (3, 1, "power-off behind INIT in every mode", "nothing is written before the value command",
         _nothing_before),
        (4, 2, "our terminal's tap, torn, and the next one",
         "the debit is recovered by PROOF in three exchanges", _recovered),
        (5, 5, "our terminal's tap, torn, another terminal's, and the next one",
         "PROOF says whose the last transaction is", _not_its_own),
    ),
]  # fmt: skip
