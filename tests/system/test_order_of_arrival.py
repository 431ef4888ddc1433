"""The smoke city cleared twice, its batches in another order: the ledger says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from load.plan import read_manifest
from load.sealing import SealedPlan, seal
from scheme.keys import TestKeys
from sim.city import generate
from sim.scenario import load_scenario
from testbed.enrol import enrol
from testbed.targets import open_target

SCENARIO = Path("scenarios/smoke.yaml")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the smoke city."""
    folder = tmp_path_factory.mktemp("order") / "city"
    generate(load_scenario(SCENARIO), folder, 1)
    return folder


def ledger_hash(city: Path, sealed: SealedPlan, order: list[int], store: Path) -> str:
    """Return the ledger's hash after the uploads have come in some order."""
    manifest = read_manifest(city)
    with open_target("ours", store) as office:
        enrol(office.target, city)
        for upload in order:
            assert office.target.upload(sealed.payloads[upload]).status == 200
        office.target.wait_until_booked(30.0)
        office.target.close_day(int(manifest["day"]), int(manifest["close_at_ms"]))
        said: str = office.target.ledger()["ledger_hash"]  # type: ignore[attr-defined]
    return said


def test_batches_in_another_order_give_the_same_ledger_hash(city: Path, tmp_path: Path) -> None:
    sealed = seal(city, TestKeys(int(read_manifest(city)["key_seed"])))
    planned = list(range(len(sealed)))
    shuffled = np.random.default_rng(5).permutation(len(sealed)).tolist()
    hashes = {
        ledger_hash(city, sealed, order, tmp_path / str(n))
        for n, order in enumerate((planned, planned[::-1], shuffled))
    }
    assert len(hashes) == 1
