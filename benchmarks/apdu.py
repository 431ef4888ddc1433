"""What an exchange takes with each kind of reader, beside what it takes without our part of it.

`ratio` is the PC/SC driver's time for SELECT to that of a bare `scard` loop on the same card and
handle, in turns within the same run. `tap_ratio` is a whole debit tap in `model`, with card, SAM,
terminal's dialogue and record, to the AES-CMACs in it, each a bare call with its key. Nothing here
is the time of a chip or of a field.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from smartcard import scard

from benchmarks._taps import cmacs_of_a_tap, open_sam, tap
from hil.harness import Jvm
from hil.own_card import own_card_data
from hil.reader import Card, CardHolder, held, open_reader
from hil.readers.pcsc import PcscReader
from hil.vpcd_wire import HOST
from scheme.apdu import select_command
from scheme.cryptograms import cmac
from scheme.keys import PURSE_AID

READERS = {
    "model": "model://", "java": "java://", "vpcd": "vpcd://", "pcsc": "pcsc://",
    "vpcd_java": "vpcd://?card=java", "pcsc_java": "pcsc://?card=java",
}  # fmt: skip
COMMANDS = {"card SELECT": "select", "card INIT": "init", "card DEBIT": "debit"}
SELECT = select_command(PURSE_AID).encode()
WARM_UP, TAPS = 1_000, 3_000  # a JVM is at its speed after some hundred
BLOCKS, BLOCK = 100, 50
BAR_RATIO, BAR_PCSC_P50_US, BAR_TAP_RATIO = 1.3, 300.0, 2.5
MANY = (1, 10, 100, 1_000)


def measure() -> dict[str, Any]:
    """Return the latency of each command with each reader, both ratios, and growth with cards."""
    gc.collect()
    by_reader = {name: _latency(url) for name, url in READERS.items()}
    driver = _driver_against_scard()
    whole = _tap_against_cmacs()
    pcsc_p50_us = by_reader["pcsc"]["select"]["p50"]
    return {
        "benchmark": "apdu",
        "value": pcsc_p50_us,
        "unit": "microseconds, SELECT through pcscd and vpcd, p50",
        **driver,
        **whole,
        "bars": {
            "ratio": BAR_RATIO, "pcsc_p50_us": BAR_PCSC_P50_US, "tap_ratio": BAR_TAP_RATIO,
        },
        "bars_held": (
            driver["ratio"] <= BAR_RATIO
            and pcsc_p50_us <= BAR_PCSC_P50_US
            and whole["tap_ratio"] <= BAR_TAP_RATIO
        ),
        "us": by_reader,
        "growth": {
            "model": [_many("model://empty", count) for count in MANY],
            "vpcd": [_many("vpcd://empty", count) for count in MANY],
            "java": [_many_in_a_jvm(count) for count in MANY],
        },
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024, 1),
    }  # fmt: skip


def _latency(url: str) -> dict[str, dict[str, float]]:
    """Return p50, p95 and p99 of each card command over whole taps, microseconds."""
    times_ns: dict[str, list[int]] = {name: [] for name in COMMANDS}
    with closing(open_reader(url)) as card, closing(open_sam()) as sam:
        for i in range(WARM_UP + TAPS):
            for exchange in tap(card, sam):
                if i >= WARM_UP and exchange.name in times_ns:
                    times_ns[exchange.name].append(exchange.received_ns - exchange.sent_ns)
    return {COMMANDS[name]: _percentiles_us(times) for name, times in times_ns.items()}


def _percentiles_us(times_ns: list[int]) -> dict[str, float]:
    values = np.percentile(times_ns, (50, 95, 99)) / 1_000
    return dict(zip(("p50", "p95", "p99"), (round(float(v), 1) for v in values), strict=True))


def _driver_against_scard() -> dict[str, Any]:
    with closing(open_reader("pcsc://")) as reader:
        assert isinstance(reader, PcscReader)
        reader.transceive(SELECT)
        card, protocol, command = reader._card, reader._protocol, list(SELECT)

        def ours() -> None:
            reader.transceive(SELECT)

        def bare() -> None:
            scard.SCardTransmit(card, protocol, command)

        ours_us, bare_us = _in_turns(ours, bare)
    return {
        "baseline": round(bare_us, 1),
        "driver_us": round(ours_us, 1),
        "ratio": round(ours_us / bare_us, 3),
    }


def _tap_against_cmacs() -> dict[str, Any]:
    calls = cmacs_of_a_tap()
    card, sam = open_reader("model://"), open_sam()

    def whole() -> None:
        tap(card, sam)

    def bare() -> None:
        for key, message in calls:
            cmac(key, message)

    whole_us, bare_us = _in_turns(whole, bare)
    return {
        "tap_us": round(whole_us, 1),
        "tap_cmacs": len(calls),
        "tap_cmacs_us": round(bare_us, 1),
        "tap_ratio": round(whole_us / bare_us, 3),
    }


def _in_turns(first: Callable[[], None], second: Callable[[], None]) -> tuple[float, float]:
    """Return what each takes, microseconds: the fastest of blocks that take turns.

    What else runs on the machine only adds. Python's cyclic collector is off for both: what it
    costs depends on what else was measured.
    """
    blocks: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()
    try:
        for turn in range(BLOCKS + 2):
            for what, times in zip((first, second), blocks, strict=True):
                begun = time.perf_counter()
                for _ in range(BLOCK):
                    what()
                if turn >= 2:
                    times.append((time.perf_counter() - begun) / BLOCK * 1e6)
    finally:
        gc.enable()
    return min(blocks[0]), min(blocks[1])


def _many(url: str, count: int) -> dict[str, Any]:
    """Return what issuing many cards takes, and SELECT on each of them in turn.

    A model or Java reader has one field and changes its card; vpcd holds them in a reader each.
    """
    with ExitStack() as opened:
        data, begun = own_card_data(), time.perf_counter()
        readers = [held(opened.enter_context(closing(open_reader(url))))]
        cards = [readers[0].issue(data) for _ in range(count)]
        issued_s = time.perf_counter() - begun
        if url.startswith("vpcd"):
            more = (open_reader(url) for _ in cards[1:])
            readers += [held(opened.enter_context(closing(reader))) for reader in more]
            times_ns = [_select_ns(*one) for one in zip(readers, cards, strict=True)]
        else:
            times_ns = [_select_ns(readers[0], card) for card in cards]
    return {
        "cards": count,
        "issued_s": round(issued_s, 3),
        "select_p50_us": round(median(times_ns) / 1_000, 1),
    }


def _many_in_a_jvm(count: int) -> dict[str, Any]:
    """Likewise in a JVM of their own, with the most memory that it had."""
    jvm = Jvm()
    try:
        measured = _many(f"java://{HOST}:{jvm.port}", count)
        status = Path(f"/proc/{jvm._process.pid}/status").read_text("ascii")
    finally:
        jvm.stop()
    peak_kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return measured | {"jvm_peak_rss_mib": round(int(peak_kib) / 1_024, 1)}


def _select_ns(reader: CardHolder, card: Card) -> int:
    reader.insert(card)
    exchange = reader.transceive(SELECT)
    return exchange.received_ns - exchange.sent_ns
