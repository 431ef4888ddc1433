"""Records in another epoch: the same taps by cards and devices with fresh numbers and proofs.

A store that holds a plan's taps already would answer a replay as duplicates; in another epoch the
same plan is new to it. Amounts, counters, places and trace ids stay what they were; a hotlist of
fresh card numbers has a version of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheme.cryptograms import KEY_SIZE, MAC_SIZE, tacs
from scheme.keys import Role, TestKeys, tac_keys
from scheme.numbers import in_epoch_card, in_epoch_device, in_epoch_hotlist
from scheme.records import TAP_DTYPE, card_parts


def records_in_epoch(records: NDArray[np.void], keys: TestKeys, epoch: int) -> NDArray[np.void]:
    """Return the same taps by the cards and devices of another epoch, proved anew.

    A zero TAC stays zero, and a corrupted one is corrupted by the same bits.
    """
    moved = np.array(records, TAP_DTYPE)
    moved["card"] = in_epoch_card(records["card"].astype(np.int64), epoch)
    for name in ("terminal", "sam", "recorder"):
        moved[name] = in_epoch_device(records[name].astype(np.int64), epoch)
    moved["hotlist"] = in_epoch_hotlist(records["hotlist"].astype(np.int64), epoch)
    proved = records["tac"].any(axis=1)
    wrong_bits = _proofs(records[proved], keys) ^ records["tac"][proved]
    moved["tac"][proved] = _proofs(moved[proved], keys) ^ wrong_bits
    return moved


def _proofs(records: NDArray[np.void], keys: TestKeys) -> NDArray[np.uint8]:
    """Return the TACs that the cards of these records would give, shape (n, 8)."""
    # One card's records follow each other, which makes their TACs four times as cheap.
    order = np.argsort(records["card"], kind="stable")
    rows = records[order]
    card_key = np.empty((len(rows), KEY_SIZE), np.uint8)
    issued = rows["issuer"].astype(np.int64) << 8 | rows["key_version"]
    for issue in np.unique(issued).tolist():
        issuer, version = issue >> 8, issue & 255
        own = issued == issue
        master = keys.issuer_master(issuer, Role.tac, version)
        card_key[own] = tac_keys(master, rows["card"][own].astype(np.uint64), issuer, version)
    proofs = np.empty((len(rows), MAC_SIZE), np.uint8)
    proofs[order] = tacs(card_key, card_parts(rows))
    return proofs
