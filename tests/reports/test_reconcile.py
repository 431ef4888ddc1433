"""What truth against ledger finds when the ledger is wrong, and that it finds nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reports.reconcile import Discrepancy, Reconciliation
from scheme.errors import TargetError
from scheme.records import trace_id
from scheme.services import Service, TerminalKind
from tests.reports.handmade import BLOK_M, BUNDARAN_HI, LEBAK_BULUS, SEED, HandMade
from tests.reports.told import judged, tell

MRT, SHOP = Service.mrt, Service.shop
EXIT = "nt = 12 AND card = 1"


@pytest.fixture(scope="module")
def made() -> HandMade:
    """Two riders: one on the MRT and at a shop, one on the MRT."""
    hand = HandMade()
    hand.card(1)
    hand.card(2)
    hand.rail(1, (LEBAK_BULUS, "07:00:00"), (BLOK_M, "07:20:00"))
    hand.tap(1, hand.terminal(SHOP, TerminalKind.till, 5001), "07:30:00", act=2, amount=25_000)
    hand.rail(2, (LEBAK_BULUS, "07:05:00"), (BUNDARAN_HI, "07:40:00"))
    return hand


@pytest.fixture(scope="module")
def faultless(made: HandMade, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a faultless back office tells of them."""
    export = tmp_path_factory.mktemp("export")
    tell(made, export)
    return export


@pytest.fixture
def told(faultless: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoiled."""
    return Path(shutil.copytree(faultless, tmp_path / "export"))


def trace_of(made: HandMade, card: int, at: int) -> bytes:
    """Return the trace id of a card's n-th presentation."""
    made.truth()
    taps = sorted((t for t in made.taps if t["card"] == card), key=lambda t: t["at_ms"])
    return trace_id(SEED, taps[at]["terminal"], taps[at]["presentation"])


def roots(found: Reconciliation) -> list[tuple[str, bytes, int, int]]:
    """Return class, trace and rupiah of what follows from nothing else."""
    own = [d for d in found.discrepancies if not d.follows]
    return [(d.kind, d.trace, d.expected_idr, d.got_idr) for d in own]


def test_a_faultless_export_has_no_discrepancy(made: HandMade, told: Path) -> None:
    found = judged(made, told)
    assert (found.discrepancies, found.unexplained, found.broken) == ([], 0, [])
    assert found.idr_truth == found.idr_ledger == 8_000 + 25_000 + 14_000
    assert found.services == {"mrt": (4, 22_000), "shop": (1, 25_000)}


@pytest.mark.parametrize(("spoiled", "kind", "expected", "got"), [
    (f"DELETE FROM told_taps WHERE {EXIT}", "lost", 8_000, 0),
    (f"INSERT INTO told_taps FROM told_taps WHERE {EXIT}", "duplicate", 8_000, 16_000),
    (f"UPDATE told_taps SET amount = 9000 WHERE {EXIT}", "wrong_fare", 8_000, 9_000),
    (f"UPDATE told_taps SET verdict = 24, state = 'none' WHERE {EXIT}",
     "wrongly_refused", 8_000, 0),
    (f"UPDATE told_taps SET verdict = 27, state = 'none' WHERE {EXIT}", "late", 8_000, 0),
    (f"UPDATE told_taps SET issuer = 1032 WHERE {EXIT}", "wrong_party", 8_000, 8_000),
    ("UPDATE told_transfers SET amount = 9000 WHERE key = 'journey:1024:1:11'",
     "wrong_fare", 8_000, 9_000),
    ("UPDATE told_transfers SET credit = 'revenue:2030' WHERE key = 'journey:1024:1:11'",
     "wrong_share", 8_000, 8_000),
    ("INSERT INTO told_transfers FROM told_transfers WHERE key = 'tap:1024:1:12'",
     "duplicate", 8_000, 16_000),
    ("UPDATE told_transfers SET debit = 'purse:1032' WHERE key = 'tap:1024:1:12'",
     "wrong_party", 8_000, 8_000),
    ("UPDATE told_transfers SET operating_day = operating_day + 1 WHERE key = 'tap:1024:1:12'",
     "late", 8_000, 8_000),
    ("DELETE FROM told_transfers WHERE key = 'tap:1024:1:12'", "lost", 8_000, 0),
])  # fmt: skip
def test_one_wrong_thing_is_found_by_name(
    made: HandMade, told: Path, spoiled: str, kind: str, expected: int, got: int
) -> None:
    found = judged(made, told, spoiled)
    assert roots(found) == [(kind, trace_of(made, 1, 1), expected, got)]
    assert found.unexplained == 1


def test_two_errors_that_cancel_are_both_found(made: HandMade, told: Path) -> None:
    found = judged(
        made, told,
        "UPDATE told_transfers SET amount = amount + 500 WHERE key = 'tap:1024:1:12'",
        "UPDATE told_transfers SET amount = amount - 500 WHERE key = 'tap:1024:2:12'",
    )  # fmt: skip
    assert found.idr_truth == found.idr_ledger
    assert sorted(roots(found)) == sorted([
        ("wrong_fare", trace_of(made, 1, 1), 8_000, 8_500),
        ("wrong_fare", trace_of(made, 2, 1), 14_000, 13_500),
    ])  # fmt: skip


def test_a_wrong_tariff_row_names_the_taps_that_it_priced(made: HandMade, told: Path) -> None:
    """As a server would book it whose row Lebak Bulus to Blok M says 9,000."""
    found = judged(
        made, told,
        "UPDATE told_legs SET own_fare_idr = 9000, share_idr = 9000 "
        "WHERE key = 'journey:1024:1:11'",
        "UPDATE told_transfers SET amount = 9000 WHERE key = 'journey:1024:1:11'",
        "INSERT INTO told_transfers SELECT key, 'uncollected:2022', 'hold:journey', 1000, "
        "'uncollected', operating_day FROM told_transfers WHERE key = 'journey:1024:1:11'",
    )  # fmt: skip
    assert roots(found) == [("wrong_fare", trace_of(made, 1, 1), 8_000, 9_000)]


def test_what_a_corrupted_tac_costs_is_explained_by_it(tmp_path: Path) -> None:
    made = HandMade()
    made.card(1)
    made.rail(1, (LEBAK_BULUS, "07:00:00"), (BLOK_M, "07:20:00"))
    made.taps[0]["tac_corrupted"] = 1
    found = judged(made, tmp_path)
    assert (found.unexplained, found.explained) == (0, {"corrupted_tac": 2})
    assert (found.idr_truth, found.idr_ledger, found.refused) == (8_000, 8_000, {24: 1})


def test_a_refusal_that_no_fault_explains_is_a_discrepancy(tmp_path: Path) -> None:
    made = HandMade()
    made.card(1)
    made.card(2)
    made.rail(1, (LEBAK_BULUS, "07:00:00"), (BLOK_M, "07:20:00"))
    made.rail(2, (LEBAK_BULUS, "07:05:00"), (BUNDARAN_HI, "07:40:00"))
    made.taps[0]["tac_corrupted"] = 1
    refused = "UPDATE told_taps SET verdict = 24, state = 'none' WHERE card = 2 AND nt = 11"
    found = judged(made, tmp_path, refused)
    assert [(d.kind, d.trace) for d in found.discrepancies] == [
        ("wrongly_refused", trace_of(made, 2, 0))
    ]
    assert found.explained == {"corrupted_tac": 2}


def test_what_a_lost_tap_holds_up_follows_from_it(made: HandMade, told: Path) -> None:
    found = judged(
        made, told,
        "DELETE FROM told_taps WHERE card = 1 AND nt = 11",
        "UPDATE told_taps SET state = 'gap' WHERE card = 1 AND nt = 12",
        "DELETE FROM told_transfers WHERE key = 'journey:1024:1:11'",
    )  # fmt: skip
    assert roots(found) == [("lost", trace_of(made, 1, 0), 0, 0)]
    assert (found.unexplained, found.following) == (1, 1)
    follow = [d for d in found.discrepancies if d.follows]
    assert {type(d) for d in follow} == {Discrepancy}
    assert {d.kind for d in follow} == {"late", "wrong_fare"}


@pytest.mark.parametrize(("spoiled", "sentence"), [
    ("UPDATE told_transfers SET amount = 0 WHERE key = 'tap:1024:1:13' AND code = 'fee'",
     "a transfer is not above zero"),
])  # fmt: skip
def test_value_that_is_not_conserved_is_said(
    made: HandMade, told: Path, spoiled: str, sentence: str
) -> None:
    assert any(text.startswith(sentence) for text in judged(made, told, spoiled).broken)


@pytest.mark.parametrize(("spoiled", "message"), [
    ("ALTER TABLE told_taps DROP COLUMN trace", "table taps: expected column trace"),
    ("UPDATE told_taps SET amount = NULL WHERE nt = 12", "table taps: amount: expected a value"),
])  # fmt: skip
def test_an_export_of_another_form_is_the_targets_fault(
    made: HandMade, told: Path, spoiled: str, message: str
) -> None:
    with pytest.raises(TargetError, match=message):
        judged(made, told, spoiled)
