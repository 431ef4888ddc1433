"""Plays the cases of a fare city through dialogue, purse and SAM, as the rack would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from scheme.apdu import Selected, parse_response
from scheme.decision import Decision, Terminal, Versions, decide
from scheme.dialogue import Device, Dialogue, Outcome, present
from scheme.hotlist import Hotlist
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.presentation import Presentation, card_seen, torn_record
from scheme.purse import Purse
from scheme.records import TAP_RECORD, TapRecord, trace_id
from scheme.sam import IssuerKeys, Sam
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.tariffs import Tariff, parse_bundle
from scheme.verdicts import Verdict
from tests.cards import EVERYTHING, counting
from tests.system.fare_city import SEED, FareCity, Tap, bundles, presented

LIMIT_IDR = 2_000_000
LOST_DEBIT = 2  # SELECT, INIT, DEBIT: the third exchange of the card
TORN_AFTER_MS = 120_000


@dataclass
class Field:
    """Everything that taps: cards, SAMs, and what terminals remember."""

    city: FareCity
    tariffs: dict[int, Tariff]
    hotlist: Hotlist
    cards: dict[int, Purse] = field(default_factory=dict)
    sams: dict[int, Sam] = field(default_factory=dict)
    terminals: dict[int, Terminal] = field(default_factory=dict)
    accepted_s: dict[tuple[int, int], int] = field(default_factory=dict)


def played(city: FareCity) -> list[TapRecord]:
    """Return the records of all taps, numbered per terminal in order of recording."""
    field = _field(city)
    made: list[tuple[int, int, int, TapRecord]] = []
    for n, (presentation, tap) in enumerate(presented(city)):
        outcome = _tap(field, presentation, tap)
        if outcome.record is not None:
            made.append((tap.terminal, tap.at_ms, n, outcome.record))
            continue
        assert outcome.torn is not None
        record = torn_record(outcome.torn, 0, outcome.torn.signed.counter)
        made.append((tap.terminal, tap.at_ms + TORN_AFTER_MS, n, record))
    return _numbered(made)


def _tap(field: Field, presentation: int, tap: Tap) -> Outcome:
    terminal = replace(field.terminals[tap.terminal], place=tap.place)
    here = Presentation(
        tap.terminal, tap.place, tap.at_ms, tap.tariff, field.hotlist.version, 0,
        trace_id(SEED, tap.terminal, presentation),
    )  # fmt: skip
    last = field.accepted_s.get((tap.card, tap.terminal))

    def rule(selected: Selected) -> Decision:
        return decide(
            card_seen(selected), terminal, Versions(field.tariffs[tap.tariff], field.hotlist),
            tap.at_ms // 1_000, last_accepted_s=last, given_idr=tap.amount,
        )  # fmt: skip

    lost = LOST_DEBIT if tap.torn else -1
    outcome = _driven(present(here, rule), field.cards[tap.card], field.sams[tap.terminal], lost)
    if outcome.verdict is Verdict.accepted:
        field.accepted_s[tap.card, tap.terminal] = tap.at_ms // 1_000
    return outcome


def _driven(dialogue: Dialogue, card: Purse, sam: Sam, lost: int) -> Outcome:
    """Drive a dialogue; the card's exchange `lost`, counted from 0, never reaches it."""
    answer = None
    exchanged = 0
    while True:
        try:
            device, command = dialogue.send(answer)
        except StopIteration as end:
            card.reset()
            outcome: Outcome = end.value
            return outcome
        asked: Callable[[bytes], bytes] = sam.answer if device is Device.sam else card.answer
        if device is Device.card:
            exchanged += 1
            if exchanged - 1 == lost:
                answer = None
                continue
        answer = parse_response(asked(command.encode()))


def _field(city: FareCity) -> Field:
    keys = TestKeys(SEED)
    listed = Hotlist(1 if city.hotlisted else 0, frozenset(city.hotlisted))
    held = {version: parse_bundle(data) for version, data in bundles(city.right).items()}
    field = Field(city, held, listed)
    for n, row in enumerate(city.cards.tolist()):
        fields = dict(zip(city.cards.dtype.names or (), row, strict=True))
        image = Image(
            fields["card"], fields["issuer"], fields["profile"], fields["blocked"],
            fields["key_version"], fields["group"], fields["group_expiry"], fields["expiry"],
            fields["nt"], fields["balance"],
        )  # fmt: skip
        masters_of = partial(keys.issuer_master, image.issuer)
        own = CardKeys.of(masters_of, image.card, image.issuer, 1)
        field.cards[image.card] = Purse(image, own, counting(1_000 * n + 1), Limits(LIMIT_IDR))
    masters = {
        IssuerKeys(issuer, role, 1): keys.issuer_master(issuer, role)
        for issuer in set(city.cards["issuer"].tolist())
        for role in (Role.debit, Role.load)
    }
    for row in city.terminals.tolist():
        fields = dict(zip(city.terminals.dtype.names or (), row, strict=True))
        number = fields["terminal"]
        field.sams[number] = Sam(fields["sam"], number, masters, EVERYTHING, counting(number))
        field.terminals[number] = Terminal(
            Service(fields["service"]), TerminalKind(fields["kind"]),
            Direction(fields["direction"]), fields["place"], fields["vehicle"],
            VehicleClass(fields["vehicle_class"]),
        )  # fmt: skip
    return field


def _numbered(made: list[tuple[int, int, int, TapRecord]]) -> list[TapRecord]:
    """Return the records with their terminals' sequence numbers, which no TAC covers."""
    at = TAP_RECORD.offset("sequence")
    sequence: dict[int, int] = {}
    numbered = []
    for terminal, _, _, record in sorted(made, key=lambda row: row[:3]):
        sequence[terminal] = number = sequence.get(terminal, 0) + 1
        data = record.data[:at] + number.to_bytes(4, "big") + record.data[at + 4 :]
        numbered.append(TapRecord(data))
    return numbered
