"""A rider whose card leaves the field at some exchange, and who taps again, here or next door.

The dialogue, the SAM and the decision's shape are the product's; only the field is torn. Two gates
of one station share what they remember of torn taps, as docs/spec/fares.md R8 has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple, Protocol, cast

from campaigns.bench.issuing import Issued, gate_sam
from scheme.apdu import Response, Selected, parse_response, parse_selected, select_command
from scheme.cryptograms import tac
from scheme.decision import Decision
from scheme.dialogue import Device, Dialogue, Outcome, present
from scheme.errors import PurseRefusedError
from scheme.keys import PURSE_AID
from scheme.presentation import Presentation, TornTap
from scheme.records import RecordKind, TapRecord
from scheme.sam import Sam
from scheme.verdicts import Verdict

AT_MS = 1_775_000_000_250
AGAIN_MS = 7_000
TILL, TILL_IDR = 70, 1_250
LOST, UNHEARD, INSIDE = "lost", "unheard", "inside"
STATE_SIZE = {RecordKind.debit_transit: 29, RecordKind.debit_parking: 7}


class Field(Protocol):
    """A card in a field; None means that it left."""

    def answer(self, apdu: bytes) -> bytes | None:
        """Return the answer, or None if the card lost power before it gave one."""

    def reset(self) -> None:
        """Take power away and give it back."""


class Tearable(Field, Protocol):
    """A card that can lose power within a command."""

    def tear(self, point: int, k: int, weak: bool) -> None:
        """Lose power at a write of the next command."""


class Tear(NamedTuple):
    """Where a presentation is torn.

    Attributes:
        exchange: Of the card's exchanges, from 0.
        way: `lost`: the command never arrives; `unheard`: the answer never arrives; `inside`: the
            card loses power in the middle.
        point, k, weak: Where inside.
    """

    exchange: int
    way: str
    point: int = 0
    k: int = 0
    weak: bool = False

    def named(self) -> str:
        """Return it in words."""
        inside = f" {self.point}/{self.k}{' weak' if self.weak else ''}" if self.point else ""
        return f"exchange {self.exchange} {self.way}{inside}"


UNHEARD_DEBIT = Tear(2, UNHEARD)


class NotTornError(Exception):
    """A card was to lose power in a command, and answered it."""


class Play(NamedTuple):
    """A kind of dialogue.

    Attributes:
        kind, accepted: What is decided.
        recovers: Whether an earlier tap is completed in it.
        strays: Whether the rider pays at a till before the last tap: its debit is nobody else's.
    """

    name: str
    kind: RecordKind
    accepted: bool = True
    recovers: bool = False
    strays: bool = False


PLAYS = (
    Play("debit", RecordKind.debit),
    Play("debit transit", RecordKind.debit_transit),
    Play("debit parking", RecordKind.debit_parking),
    Play("load", RecordKind.load),
    Play("recovery of a debit", RecordKind.debit_transit, recovers=True),
    Play("recovery of a load", RecordKind.load, recovers=True),
    Play("refusal", RecordKind.debit_transit, accepted=False),
    Play("debit behind a till's", RecordKind.debit_transit, strays=True),
)


def plain_tears(play: Play, issued: Issued) -> Iterator[Tear]:
    """Yield every exchange of a dialogue, torn before and after the card has heard it."""
    rider = Rider(issued.twin(bytes(8)), issued, Random(0))
    assert not rider.ride(play, [UNHEARD_DEBIT] if play.recovers else [])
    for exchange in range(rider.exchanges):
        yield Tear(exchange, LOST)
        # A gate's debit that a till's has covered is proved by the log alone, not by a tap.
        if not play.strays or Tear(exchange, UNHEARD) != UNHEARD_DEBIT:
            yield Tear(exchange, UNHEARD)


class Rider:
    """One card at two gates that share what they remember.

    Args:
        card: The card in the field.
        issued: The card as it was issued, its issuer's TAC key among it.
        chance: Where amounts and gates come from.
    """

    def __init__(self, card: Field, issued: Issued, chance: Random) -> None:
        self.card = card
        self.issued = issued
        self.chance = chance
        self.memory: dict[int, TornTap] = {}
        self.gates = [gate_sam(issued.issuer, terminal, chance) for terminal in (18, 19)]
        self.records: list[TapRecord] = []
        self.exchanges = 0  # of the card, in the last presentation

    def ride(self, play: Play, tears: list[Tear]) -> list[str]:
        """Present the card until it is let through or refused; return what is wrong after it.

        Args:
            tears: How each presentation is torn; the one after the last is whole.
        """
        before = self._selected()
        decision = self._decision(play, before)
        ended: Outcome | None = None
        for count, tear in enumerate([*tears, None]):
            try:
                if play.strays and tear is None:
                    self._pay_at_till(AT_MS + count * AGAIN_MS - 1_000)
                ended = self._present(decision, AT_MS + count * AGAIN_MS, tear)
            except (PurseRefusedError, NotTornError) as broken:
                return [f"presentation {count}: {broken}"]
            if ended.record is not None:
                break
        return self._wrong(play, decision, before, ended)

    def _present(self, decision: Decision, at_ms: int, tear: Tear | None) -> Outcome:
        sam = self.chance.choice(self.gates)
        presented = Presentation(sam.terminal, 101, at_ms, 3, 4, 9, b"trace-000001")
        dialogue = present(presented, lambda _: decision, self.memory)
        outcome, self.exchanges = conduct(dialogue, self.card, sam, tear)
        card = self.issued.card
        if outcome.torn is not None:
            self.memory[card] = outcome.torn
        elif outcome.record is not None:
            self.memory.pop(card, None)
            self.records.append(outcome.record)
        return outcome

    def _pay_at_till(self, at_ms: int) -> None:
        """Pay at a terminal that knows nothing of the gates' torn taps."""
        till = gate_sam(self.issued.issuer, TILL, self.chance)
        presented = Presentation(TILL, 500, at_ms, 3, 4, 1, b"trace-000070")
        paid = Decision(Verdict.accepted, TILL_IDR, RecordKind.debit, b"")
        outcome, _ = conduct(present(presented, lambda _: paid), self.card, till, None)
        assert outcome.record is not None
        self.records.append(outcome.record)

    def _decision(self, play: Play, selected: Selected) -> Decision:
        state = self.chance.randbytes(STATE_SIZE.get(play.kind, 0))
        if not play.accepted:
            return Decision(Verdict.balance_below_minimum, 0, play.kind, selected.transit)
        amount_idr = self.chance.choice((0, 3_500, self.chance.randrange(1, 20_000)))
        return Decision(Verdict.accepted, amount_idr, play.kind, state)

    def _selected(self) -> Selected:
        answer = self.card.answer(select_command(PURSE_AID).encode())
        self.card.reset()
        assert answer is not None
        return parse_selected(parse_response(answer).data)

    def _wrong(
        self, play: Play, decision: Decision, before: Selected, ended: Outcome | None
    ) -> list[str]:
        """Return everything that may not be so after a ride."""
        assert ended is not None
        if ended.record is None:
            return [f"no record after the last tap: {ended.verdict.name}"]
        after = self._selected()
        moves = int(play.accepted)
        strayed = int(play.strays)
        sign = 1 if play.kind is RecordKind.load else -1
        record = ended.record.fields()
        facts = {
            "verdict": (decision.verdict, ended.verdict),
            "debits of one presentation": (moves, after.nt - before.nt - strayed),
            "rupiah moved": (
                sign * decision.amount_idr, after.balance - before.balance + strayed * TILL_IDR,
            ),
            "rupiah claimed": (decision.amount_idr, record["amount"]),
            "counter claimed": (after.nt, record["nt"]),
            "balance claimed": (after.balance, record["balance"]),
        }
        wrong = [f"{what}: expected {e}, got {g}" for what, (e, g) in facts.items() if e != g]
        if play.accepted and not self._proved(ended.record):
            wrong.append("the record's TAC does not hold")
        return wrong

    def _proved(self, record: TapRecord) -> bool:
        proved: bool = tac(self.issued.tac_key, record.card_part) == record.fields()["tac"]
        return proved

    def balance_idr(self) -> int:
        """Return what the card says is on it."""
        return self._selected().balance

    def claimed_idr(self) -> int:
        """Return what the proven records say that left the card, loads taken off."""
        proven = [record.fields() for record in self.records if self._proved(record)]
        return sum(-r["amount"] if r["kind"] == RecordKind.load else r["amount"] for r in proven)


def conduct(
    dialogue: Dialogue, card: Field, sam: Sam, tear: Tear | None
) -> tuple[Outcome, int]:
    """Drive one dialogue; the card leaves the field at the tear, and is out of it afterwards.

    Returns:
        How it ended, and how often the card was sent something.
    """
    answer: Response | None = None
    exchange = 0
    while True:
        try:
            device, command = dialogue.send(answer)
        except StopIteration as end:
            card.reset()
            outcome: Outcome = end.value
            return outcome, exchange
        if device is Device.sam:
            answer = parse_response(sam.answer(command.encode()))
        else:
            torn = tear if tear is not None and tear.exchange == exchange else None
            answer = _exchanged(card, command.encode(), torn)
            exchange += 1


def _exchanged(card: Field, apdu: bytes, tear: Tear | None) -> Response | None:
    if tear is not None and tear.way == LOST:
        return None
    inside = cast(Tearable, card) if tear is not None and tear.way == INSIDE else None
    if tear is not None and inside is not None:
        inside.tear(tear.point, tear.k, tear.weak)
    heard = card.answer(apdu)
    if inside is not None and heard is not None:
        inside.tear(0, 0, False)
        raise NotTornError(f"the tear did not fire: got {heard.hex()}")
    if heard is None or (tear is not None and tear.way == UNHEARD):
        return None
    return parse_response(heard)
