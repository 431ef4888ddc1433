"""The dialogue between terminal, card and SAM: what is recorded of each way a tap can end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import SLOT_OF, Ins, Proved, Slot, parse_selected
from scheme.cryptograms import tac
from scheme.decision import Decision
from scheme.dialogue import Device, present
from scheme.errors import PurseRefusedError, RecordError
from scheme.image import CardKeys, Limits
from scheme.keys import Role, card_key
from scheme.layouts import STORED
from scheme.presentation import recovered_record, torn_record
from scheme.purse import Purse
from scheme.records import ZERO_TAC, RecordFlag, RecordKind, TapRecord
from scheme.verdicts import Verdict
from tests.cards import (
    AT_MS,
    CARD,
    ISSUER,
    KEYS,
    LIMIT_IDR,
    SAM,
    TERMINAL,
    counting,
    decided,
    image,
    presentation,
    purse,
    run,
    sam,
)

STATE = bytes(range(29))
TRANSIT = decided(kind=RecordKind.debit_transit, state=STATE)
TAC_KEY = card_key(KEYS.issuer_master(ISSUER, Role.tac), Role.tac, CARD, ISSUER, 1)


def proved(record: TapRecord | None) -> dict[str, Any]:
    """Return the fields of a record whose TAC holds."""
    assert record is not None
    fields = record.fields()
    assert fields["tac"] == tac(TAC_KEY, record.card_part)
    return fields


@pytest.mark.parametrize(
    ("wanted", "slot"),
    [
        (decided(), Slot.none),
        (decided(amount_idr=0), Slot.none),
        (TRANSIT, Slot.transit),
        (decided(kind=RecordKind.debit_parking, state=b"parking"), Slot.parking),
        (decided(kind=RecordKind.load), Slot.none),
    ],
)
def test_an_accepted_tap_is_recorded_as_the_card_proved_it(wanted: Decision, slot: Slot) -> None:
    card, module = purse(), sam()
    outcome, log = run(present(presentation(), lambda _: wanted), card, module)
    moved = wanted.amount_idr if wanted.kind is RecordKind.load else -wanted.amount_idr
    fields = proved(outcome.record)
    assert outcome.verdict is Verdict.accepted
    assert (card.image.balance, card.image.nt) == (100_000 + moved, 6)
    assert fields == {
        "version": 1, "kind": wanted.kind, "issuer": ISSUER, "card": CARD, "nt": 6, "purse": 1,
        "key_version": 1, "place": 101, "amount": wanted.amount_idr, "balance": 100_000 + moved,
        "at_s": AT_MS // 1_000, "terminal": TERMINAL, "sam": SAM, "sam_counter": 1,
        "state": wanted.state_after.ljust(32, b"\0"), "tac": fields["tac"], "sequence": 9,
        "ms": 250, "tariff": 3, "hotlist": 4, "refusal": 0, "flags": 0, "recorder": TERMINAL,
        "trace": b"trace-000001",
    }  # fmt: skip
    kept = {Slot.none: b"", Slot.transit: card.image.transit, Slot.parking: card.image.parking}
    assert kept[slot] == wanted.state_after
    assert [step.ins for device, step, _ in log if device is Device.card][-1] in (
        Ins.debit,
        Ins.credit,
    )


def test_a_debit_takes_three_card_exchanges() -> None:
    _, log = run(present(presentation(), lambda _: decided()), purse(), sam())
    assert [Ins(step.ins).name for device, step, _ in log if device is Device.card] == [
        "select",
        "init",
        "debit",
    ]


@pytest.mark.parametrize("kind", list(RecordKind))
def test_a_refused_tap_is_proved_by_init_of_nothing_and_moves_nothing(kind: RecordKind) -> None:
    held: dict[str, Any] = {"transit": STATE, "parking": b"parking"}
    card, module = purse(**held), sam()
    before = card.image
    refused = decided(Verdict.balance_too_low, 9_000_000, kind)
    outcome, log = run(present(presentation(), lambda _: refused), card, module)
    assert outcome.verdict is Verdict.balance_too_low
    assert card.image == before
    assert outcome.record is not None
    fields = outcome.record.fields()
    told = {Slot.none: b"", Slot.transit: STATE, Slot.parking: b"parking"}[SLOT_OF[kind]]
    assert fields["state"] == told.ljust(32, b"\0")
    assert (fields["nt"], fields["balance"], fields["amount"]) == (5, 100_000, 0)
    assert (fields["sam_counter"], module.counter) == (0, 0)
    assert (fields["tac"], fields["refusal"], fields["kind"]) == (ZERO_TAC, 8, kind)
    inits = [step for _, step, _ in log if step.ins == Ins.init]
    assert [step.data[:4] for step in inits] == [bytes(4)]


@pytest.mark.parametrize("wanted", [decided(), decided(Verdict.card_expired)])
def test_a_card_without_its_issuers_keys_is_not_genuine_before_anything_else(
    wanted: Decision,
) -> None:
    fake = Purse(image(), CardKeys(*[bytes(16)] * 4), counting(), Limits(LIMIT_IDR))
    module = sam()
    outcome, _ = run(present(presentation(), lambda _: wanted), fake, module)
    assert outcome.verdict is Verdict.card_not_genuine
    assert outcome.record is not None
    assert outcome.record.fields()["refusal"] == Verdict.card_not_genuine
    assert (fake.image, module.counter) == (image(), 0)


def test_a_card_of_an_issuer_whose_keys_the_sam_lacks_is_not_genuine() -> None:
    outcome, _ = run(present(presentation(), lambda _: decided()), purse(issuer=1024), sam())
    assert outcome.verdict is Verdict.card_not_genuine


def test_a_torn_debit_that_the_card_wrote_is_recovered_and_never_doubled() -> None:
    card, module = purse(), sam()
    torn, _ = run(present(presentation(), lambda _: TRANSIT), card, module, swallow=(2,))
    assert (torn.verdict, torn.record) == (Verdict.tap_was_torn, None)
    assert card.image.balance == 96_500
    assert torn.torn is not None
    again = presentation(at_ms=AT_MS + 5_000, sequence=10, trace=b"trace-000002")
    outcome, log = run(present(again, lambda _: TRANSIT, {CARD: torn.torn}), card, module)
    assert outcome.recovered
    assert card.image.balance == 96_500
    fields = proved(outcome.record)
    assert (fields["amount"], fields["balance"], fields["nt"]) == (3_500, 96_500, 6)
    assert (fields["at_s"], fields["ms"], fields["sequence"]) == (AT_MS // 1_000, 250, 10)
    assert (fields["flags"], fields["trace"]) == (RecordFlag.recovered, b"trace-000001")
    assert fields["state"][:29] == STATE
    assert module.counter == 1
    assert Ins.debit not in [step.ins for _, step, _ in log]


def test_another_gate_recovers_with_the_first_terminal_in_the_card_part() -> None:
    card = purse()
    torn, _ = run(present(presentation(), lambda _: TRANSIT), card, sam(), swallow=(2,))
    assert torn.torn is not None
    other = presentation(terminal=26, trace=b"trace-000009", at_ms=AT_MS + 119_999, sequence=3)
    outcome, _ = run(
        present(other, lambda _: TRANSIT, {CARD: torn.torn}), card, sam(terminal=26, number=77)
    )
    fields = proved(outcome.record)
    assert (fields["terminal"], fields["recorder"], fields["sam"]) == (TERMINAL, 26, SAM)
    assert (fields["ms"], fields["trace"], fields["sequence"]) == (0, b"trace-000009", 3)


@pytest.mark.parametrize(
    ("lost", "later_ms", "kept_idr"),
    [
        ((2,), 5_000, 96_500),  # the card never wrote: an ordinary new tap
        ((), 120_001, 93_000),  # too late to recover: an ordinary new tap
    ],
)
def test_a_torn_tap_out_of_reach_of_recovery_is_followed_by_a_new_debit(
    lost: tuple[int, ...], later_ms: int, kept_idr: int
) -> None:
    card, module = purse(), sam()
    torn, _ = run(present(presentation(), lambda _: decided()), card, module, (2,), lost)
    assert torn.torn is not None
    again = presentation(at_ms=AT_MS + later_ms)
    outcome, _ = run(present(again, lambda _: decided(), {CARD: torn.torn}), card, module)
    assert (outcome.verdict, outcome.recovered) == (Verdict.accepted, False)
    assert card.image.balance == kept_idr
    assert module.counter == 2


@pytest.mark.parametrize("lost", [1, 2])
def test_what_another_terminal_took_is_not_taken_for_a_torn_tap(lost: int) -> None:
    """A rider torn here who pays at a till and comes back has not paid here yet."""
    card, module = purse(), sam()
    torn, _ = run(present(presentation(), lambda _: TRANSIT), card, module, lost=(lost,))
    assert torn.torn is not None
    till = presentation(terminal=70, at_ms=AT_MS)
    run(present(till, lambda _: decided(amount_idr=1)), card, sam(terminal=70, number=70))
    assert (card.image.balance, card.image.nt) == (99_999, 6)
    again = presentation(at_ms=AT_MS + 9_000)
    outcome, log = run(present(again, lambda _: TRANSIT, {CARD: torn.torn}), card, module)
    assert Ins.proof in [step.ins for _, step, _ in log]
    assert (outcome.verdict, outcome.recovered) == (Verdict.accepted, False)
    fields = proved(outcome.record)
    assert (fields["amount"], fields["nt"], fields["terminal"]) == (3_500, 7, TERMINAL)
    assert (card.image.balance, card.image.nt) == (96_499, 7)


def test_no_record_is_made_of_a_restricted_purse_without_its_balance() -> None:
    card, module = purse(), sam()
    run(present(presentation(), lambda _: TRANSIT), card, module)
    proof = card.image.proof
    of_aid = Proved(6, STORED.unpack(proof[:26]) | {"purse": 2}, proof[26:])
    with pytest.raises(RecordError, match="expected purse 1, got 2"):
        recovered_record(
            presentation(), parse_selected(card.image.said()), presentation(), of_aid
        )


def test_a_torn_tap_never_recovered_leaves_a_record_without_proof() -> None:
    card, module = purse(), sam()
    outcome, _ = run(present(presentation(), lambda _: TRANSIT), card, module, lost=(2,))
    assert outcome.torn is not None
    fields = torn_record(outcome.torn, 12, module.counter).fields()
    assert (fields["flags"], fields["refusal"]) == (RecordFlag.torn, Verdict.tap_was_torn)
    assert (fields["nt"], fields["amount"], fields["tac"]) == (5, 0, ZERO_TAC)
    assert (fields["sequence"], fields["sam_counter"]) == (12, 1)


@given(
    amounts=st.lists(st.integers(0, 60_000), min_size=1, max_size=6),
    cut=st.integers(0, 3),
    reached=st.booleans(),
)
def test_wherever_a_tap_is_torn_one_second_tap_settles_it_and_value_is_conserved(
    amounts: list[int], cut: int, reached: bool
) -> None:
    """Whatever exchange is lost, and whichever way, each presentation is debited at most once."""
    card, module = purse(balance=500_000), sam()
    booked = 0
    for amount in amounts:
        wanted = decided(amount_idr=amount)
        first, _ = run(
            present(presentation(), lambda _, d=wanted: d),  # type: ignore[misc]
            card,
            module,
            swallow=(cut,),
            lost=() if reached else (cut,),
        )
        outcome = first
        if first.record is None:
            left = {CARD: first.torn} if first.torn else {}
            outcome, _ = run(
                present(presentation(), lambda _, d=wanted: d, left),  # type: ignore[misc]
                card,
                module,
            )
        booked += proved(outcome.record)["amount"]
        assert card.image.balance + booked == 500_000
    assert booked == sum(amounts)
    assert card.image.nt == 5 + len(amounts)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_recovery_that_is_torn_itself_is_remembered_and_done_again(cut: int) -> None:
    card, module = purse(), sam()
    torn, _ = run(present(presentation(), lambda _: decided()), card, module, swallow=(2,))
    assert torn.torn is not None
    left = {CARD: torn.torn}
    again, _ = run(present(presentation(), lambda _: decided(), left), card, module, swallow=(cut,))
    assert again.record is None
    if again.torn is not None:
        assert again.torn == torn.torn
    outcome, _ = run(present(presentation(), lambda _: decided(), left), card, module)
    assert outcome.recovered
    assert card.image.balance == 96_500


def test_a_debit_over_the_balance_is_refused_by_the_card_itself() -> None:
    card = purse(balance=1_000)
    with pytest.raises(PurseRefusedError, match="refused INIT: SW 9401") as refused:
        run(present(presentation(), lambda _: decided()), card, sam())
    assert refused.value.sw == 0x9401
    assert card.image.balance == 1_000


def test_a_debit_from_before_a_change_of_keys_is_recovered_under_the_version_it_was_made() -> None:
    card, module = purse(), sam()
    run(present(presentation(), lambda _: TRANSIT), card, module, swallow=(2,))
    proved = Proved(card.image.nt, STORED.unpack(card.image.proof[:26]), card.image.proof[26:])
    rotated = parse_selected(card.image._replace(key_version=2).said())
    record = recovered_record(presentation(), rotated, presentation(), proved)
    assert record.fields()["key_version"] == 1
    key = card_key(KEYS.issuer_master(ISSUER, Role.tac), Role.tac, CARD, ISSUER, 1)
    assert tac(key, record.card_part) == record.fields()["tac"]
