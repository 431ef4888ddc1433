"""What is sealed verifies as the sender's, chains, repeats its copies, and is fresh in an epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from load import sealing
from load.plan import enrolment, read_plan
from load.sealing import SealedPlan, seal, seal_plan
from scheme.batches import NO_PREVIOUS, Batch, Seal, seal_holds
from scheme.keys import TestKeys
from scheme.numbers import check_digit_holds
from scheme.records import TAP_DTYPE
from tests.load.tiny_city import FROM_MS, SEED, Planned, proofs_of, write_city

KEYS = TestKeys(SEED)
STATION, TILL, RACK = 11, 21, 31
PLANNED = [
    *(Planned(STATION, minute * 60_000, records=3) for minute in range(5)),
    Planned(STATION, 4 * 60_000 + 5_000, records=3, copy=True),
    *(Planned(TILL, minute * 45_000 + 10, single=True) for minute in range(4)),
    Planned(TILL, 3 * 45_000 + 2_000, single=True, copy=True),
    *(Planned(RACK, minute * 60_000 + 20, records=2, rack=True) for minute in range(1, 4)),
]
CORRUPTED, REFUSED = (2,), (5, 16)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    return write_city(folder / "city", PLANNED, corrupted=CORRUPTED, refused=REFUSED)


def originals(sealed: SealedPlan) -> dict[int, list[Batch]]:
    """Return the batches of each sender, in order, copies left out."""
    chains: dict[int, list[Batch]] = {}
    for batch, copy in zip(sealed.batches(), sealed.copy, strict=True):
        if not copy:
            chains.setdefault(batch.sender, []).append(batch)
    return chains


@pytest.mark.parametrize("epoch", [0, 3, 41])
def test_every_seal_holds_under_the_key_that_is_enrolled(city: Path, epoch: int) -> None:
    enrolled = {int(row["sender"]): row for row in enrolment(city, KEYS, epoch).senders}
    for batch in seal(city, KEYS, epoch).batches():
        row = enrolled[batch.sender]
        public = None
        if row["public_key"].any():
            public = Ed25519PublicKey.from_public_bytes(row["public_key"].tobytes())
        assert seal_holds(batch, public, row["mac_key"].tobytes())


@pytest.mark.parametrize("epoch", [0, 3])
def test_a_senders_batches_form_a_chain_from_1(city: Path, epoch: int) -> None:
    for chain in originals(seal(city, KEYS, epoch)).values():
        assert [batch.number for batch in chain] == list(range(1, len(chain) + 1))
        digests = [NO_PREVIOUS, *(batch.digest for batch in chain)]
        assert [batch.previous for batch in chain] == digests[:-1]


def test_a_batch_is_signed_and_a_single_tap_carries_a_mac(city: Path) -> None:
    sealed = seal(city, KEYS)
    kinds = [Seal.cmac if single else Seal.ed25519 for single in sealed.single]
    assert [batch.seal_kind for batch in sealed.batches()] == kinds


def test_a_copy_is_the_very_bytes_of_what_it_repeats(city: Path) -> None:
    sealed = seal(city, KEYS)
    copies = np.flatnonzero(sealed.copy).tolist()
    assert len(copies) == sealed.copies_planned == 2
    for row in copies:
        earlier = [p for p, s in zip(sealed.payloads[:row], sealed.sender, strict=False)
                   if s == sealed.sender[row]]  # fmt: skip
        assert sealed.payloads[row] == earlier[-1]


def test_uploads_go_in_order_of_their_intended_instants(city: Path) -> None:
    sealed = seal(city, KEYS)
    assert sealed.at_ms.tolist() == sorted(FROM_MS + upload.at_ms for upload in PLANNED)
    assert sealed.count.tolist() == [batch.count for batch in sealed.batches()]


def test_two_processes_seal_the_same_bytes(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = seal(city, KEYS, 2)
    monkeypatch.setattr(sealing, "POOL_FROM_UPLOADS", 1)
    assert seal(city, KEYS, 2, workers=2).payloads == alone.payloads


def test_an_epoch_gives_every_card_and_device_a_fresh_number(city: Path) -> None:
    before, after = records_of(seal(city, KEYS)), records_of(seal(city, KEYS, 5))
    for name in ("card", "terminal", "sam", "recorder"):
        assert not np.intersect1d(before[name], after[name]).size
        assert check_digit_holds(after[name].astype(np.int64)).all()
    for name in ("nt", "amount", "balance", "at_s", "sequence", "place", "trace", "refusal"):
        assert (before[name] == after[name]).all()


def test_an_epoch_proves_every_tap_anew_and_keeps_what_was_wrong(city: Path) -> None:
    for epoch in (0, 5):
        records = records_of(seal(city, KEYS, epoch))
        flipped = proofs_of(records) ^ records["tac"]
        refused = records["refusal"] != 0
        assert not records["tac"][refused].any()
        wrong = flipped[~refused].any(axis=1)
        assert (int(refused.sum()), int(wrong.sum())) == (len(REFUSED), len(CORRUPTED))
        assert flipped[~refused][wrong].tolist() == [[1, 0, 0, 0, 0, 0, 0, 0]]


def test_an_epoch_enrols_the_numbers_that_its_records_name(city: Path) -> None:
    enrolled, records = enrolment(city, KEYS, 5), records_of(seal(city, KEYS, 5))
    assert set(records["recorder"].tolist()) == set(enrolled.terminals["terminal"].tolist())
    assert set(records["card"].tolist()) <= set(enrolled.cards["card"].tolist())
    assert set(records["sam"].tolist()) == set(enrolled.terminals["sam"].tolist())


def test_the_racks_records_take_the_place_of_the_citys(city: Path) -> None:
    planned = originals(seal(city, KEYS))
    rack = max(planned)
    made = joined(planned[rack])
    made["balance"] += 1
    replaced = originals(seal(city, KEYS, rack_records=made.tobytes()))
    assert joined(replaced[rack]).tobytes() == made.tobytes()
    assert [batch.count for batch in replaced[rack]] == [2, 2, 2]
    del planned[rack], replaced[rack]
    assert planned == replaced


def test_displaced_taps_shorten_uploads_and_never_break_the_chain(city: Path) -> None:
    planned = originals(seal(city, KEYS))
    rack = max(planned)
    made = joined(planned[rack])[[0, 4, 5]]
    sealed = seal(city, KEYS, rack_records=made)
    chain = originals(sealed)[rack]
    assert [batch.count for batch in chain] == [1, 2]
    assert chain[1].previous == chain[0].digest
    assert len(sealed) == len(PLANNED) - 1


def test_shards_hold_whole_chains_and_together_the_whole_plan(city: Path) -> None:
    plan = read_plan(city)
    whole = seal(city, KEYS)
    shards = [seal_plan(plan.shard(index, 2), KEYS) for index in range(2)]
    assert not set(shards[0].sender.tolist()) & set(shards[1].sender.tolist())
    assert sorted(shards[0].payloads + shards[1].payloads) == sorted(whole.payloads)


def test_a_window_is_cut_by_intended_instant(city: Path) -> None:
    part = seal(city, KEYS).between(FROM_MS + 60_000, FROM_MS + 120_000)
    assert part.from_ms == FROM_MS + 60_000
    assert {int(at - FROM_MS) // 60_000 for at in part.at_ms} == {1}


def records_of(sealed: SealedPlan) -> NDArray[np.void]:
    return joined([batch for chain in originals(sealed).values() for batch in chain])


def joined(batches: list[Batch]) -> NDArray[np.void]:
    return np.concatenate([batch.records for batch in batches], dtype=TAP_DTYPE)
