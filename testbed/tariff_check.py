"""A tariff checked: prices of the rulebook, of the judge's oracle and from outside, side by side.

The rulebook's price is what the devices take and clearing corrects; the oracle's is what the
judge's SQL says of the same presentations. They share no fare rule. A difference is reported, not
explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reports.oracle import predict
from reports.truth import Truth
from reports.warehouse import Warehouse
from scheme.days import business_day, business_day_end_s
from scheme.decision import CardSeen, Terminal, Versions, decide
from scheme.errors import BadInputError
from scheme.journeys import PricingContext, Record, price_card
from scheme.linking import ClearedCard, TerminalFacts
from scheme.money import rupiah
from scheme.numbers import card_numbers, participant_number
from scheme.records import RecordKind
from scheme.target import CARD_DTYPE, TERMINAL_DTYPE
from scheme.tariffs import Tariff, parse_bundle
from scheme.transit_state import Parking, Transit
from scheme.verdicts import Verdict
from sim.tables import DATA, read_rows, read_tariff
from testbed.tariff_examples import Example, ExampleTap, read_examples, with_metres

SCHEMA = "jakarta-one/tariff-check/1"
ISSUER = participant_number(102)  # a bank whose cards never ride free
BALANCE_IDR = 1_000_000
EXPIRY_DAY = 47_481  # 2099-12-31
NOBODY: dict[str, Any] = {"participants": [], "operators": {}, "fees": []}


class Prices(NamedTuple):
    """What an example costs in the end, by three who do not ask each other."""

    example: str
    scheme_idr: int
    oracle_idr: int
    outside_idr: int
    source: str

    @property
    def agree(self) -> bool:
        """Whether all three say the same."""
        return self.scheme_idr == self.oracle_idr == self.outside_idr


def check_tariff(folder: Path, examples: Path | None, data: Path = DATA) -> dict[str, Any]:
    """Return a document with every example's three prices, the differences and lines to print.

    Raises:
        TariffError: If a row is not of the closed kinds; names file, row, expected and got.
        BadInputError: If the examples cannot be read; names file and line.
    """
    tariff = read_tariff(folder)
    priced: list[Prices] = []
    if examples is not None:
        places = {(p["kind"], p["name"]): int(p["place"]) for p in read_rows(data / "places.csv")}
        priced = price_examples(tariff, read_examples(examples, places))
    differences = [prices for prices in priced if not prices.agree]
    return {
        "schema": SCHEMA,
        "tariff": str(folder),
        "version": tariff.version,
        "rows": len(tariff.rows),
        "examples": [prices._asdict() for prices in priced],
        "differences": len(differences),
        "lines": _lines(tariff, priced, len(differences)),
    }


def _lines(tariff: Tariff, priced: Sequence[Prices], differences: int) -> list[str]:
    lines = [f"{tariff.title}, version {tariff.version}: {len(tariff.rows)} rows read"]
    if priced:
        lines.append(f"{'scheme':>12} {'oracle':>12} {'outside':>12}   example")
    for prices in priced:
        three = (prices.scheme_idr, prices.oracle_idr, prices.outside_idr)
        mark = " " if prices.agree else "!"
        lines.append(f"{' '.join(f'{rupiah(idr):>12}' for idr in three)} {mark} {prices.example}")
    if priced:
        lines.append(f"{len(priced)} examples, {differences} differences")
    return lines


def price_examples(tariff: Tariff, examples: Sequence[Example]) -> list[Prices]:
    """Return the three prices of each example, in order."""
    priced: list[Prices] = []
    for metres, group in groupby(examples, key=lambda example: example.metres):
        some = list(group)
        bundle = with_metres(tariff.bundle(), metres)
        right = parse_bundle(bundle)
        for example, oracle_idr in zip(some, oracle_prices(bundle, right, some), strict=True):
            scheme_idr = scheme_price(right, example)
            priced.append(
                Prices(example.name, scheme_idr, oracle_idr, example.outside_idr, example.source)
            )
    return priced


def close_s(example: Example) -> int:
    """Return the end of the last tap's business day."""
    return int(business_day_end_s(business_day(example.taps[-1].at_s)))


def scheme_price(tariff: Tariff, example: Example) -> int:
    """Return what the rider pays by the device rule, less what clearing gives back.

    Raises:
        BadInputError: If a device refuses a tap of the example; names the verdict.
    """
    records: list[Record] = []
    terminals: dict[int, TerminalFacts] = {}
    numbers: dict[tuple[int, ...], int] = {}
    card = CardSeen(1, ISSUER, 0, 0, EXPIRY_DAY, BALANCE_IDR, Transit().pack(), Parking().pack())
    for nt, tap in enumerate(example.taps, 1):
        number = numbers.setdefault(tap.device, len(numbers) + 1)
        terminals[number] = TerminalFacts(
            tap.service, tap.direction, int(tap.service), tap.vehicle, tap.vehicle_class
        )
        card, idr = _take(card, tariff, example, tap)
        records.append((nt, 0, tap.at_s, number, tap.place, idr))
    context = PricingContext(tariff, terminals, {})
    priced = price_card(records, ClearedCard(1, ISSUER, 0, 0, 0), context, close_s(example))
    refunds = sum(p[5] for p in priced.postings if p[3] == "refund")
    return sum(record[5] for record in records) - refunds


def _take(
    card: CardSeen, tariff: Tariff, example: Example, tap: ExampleTap
) -> tuple[CardSeen, int]:
    terminal = Terminal(
        tap.service, tap.kind, tap.direction, tap.place, tap.vehicle, tap.vehicle_class
    )
    got = decide(card, terminal, Versions(tariff), tap.at_s)
    if got.verdict is not Verdict.accepted:
        raise BadInputError.at(
            f"example {example.name!r}", expected="taps that are accepted", got=got.verdict.name
        )
    left = replace(card, balance_idr=card.balance_idr - got.amount_idr)
    if got.kind is RecordKind.debit_transit:
        left = replace(left, transit=got.state_after)
    elif got.kind is RecordKind.debit_parking:
        left = replace(left, parking=got.state_after)
    return left, got.amount_idr


def oracle_prices(bundle: bytes, tariff: Tariff, examples: Sequence[Example]) -> list[int]:
    """Return what the judge's oracle says each example costs in the end."""
    cards = card_numbers(ISSUER, np.arange(1, len(examples) + 1))
    instants = [tap.at_s for example in examples for tap in example.taps]
    truth = Truth(
        seed=0,
        tariff_version=tariff.version,
        bundles=(bundle,),
        participants=NOBODY,
        purse_limits={1: 2_000_000},
        tables=_tables(tariff.version, examples, cards),
        from_ms=min(instants) * 1_000,
        close_at_ms=max(map(close_s, examples)) * 1_000,
    )
    with Warehouse() as warehouse:
        predict(warehouse, truth)
        rows = warehouse.rows(
            "SELECT card, sum(CASE WHEN debit LIKE 'purse:%' THEN net "
            "WHEN code = 'refund' THEN -net ELSE 0 END) FROM transfer WHERE run IN (0, 2) "
            "GROUP BY card"
        )
    paid = {int(card): int(idr) for card, idr in rows}
    return [paid.get(int(card), 0) for card in cards]


def _tables(
    version: int, examples: Sequence[Example], cards: NDArray[np.uint64]
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return presentations, cards, terminals and an empty hotlist as truth holds them."""
    numbers: dict[tuple[int, ...], int] = {}
    rows: list[tuple[int, ...]] = []
    for example, card in zip(examples, cards.tolist(), strict=True):
        for tap in example.taps:
            number = numbers.setdefault(tap.device, len(numbers) + 1)
            rows.append((number, card, tap.at_s * 1_000, tap.place))
    terminal, card_of, at_ms, place = (np.array(column) for column in zip(*rows, strict=True))
    none = np.zeros(len(rows), np.int64)
    presentation: dict[str, NDArray[Any]] = {
        "terminal": terminal.astype(np.uint32),
        "presentation": np.arange(1, len(rows) + 1, dtype=np.uint32),
        "card": card_of.astype(np.uint64),
        "at_ms": at_ms,
        "place": place.astype(np.uint16),
        "tariff": np.full(len(rows), version, np.uint16),
        "uploaded_at_ms": at_ms,
        **dict.fromkeys(("act", "amount", "torn", "hotlist", "tac_corrupted", "fault"), none),
    }
    empty = np.array([], np.int64)
    return {
        "presentation": presentation,
        "card": _card_columns(cards),
        "terminal": _terminal_columns(list(numbers)),
        "hotlist": {"version": empty, "published_at_ms": empty, "card": empty},
    }


def _card_columns(cards: NDArray[np.uint64]) -> dict[str, NDArray[Any]]:
    table = np.zeros(len(cards), CARD_DTYPE)
    table["card"], table["issuer"], table["balance"] = cards, ISSUER, BALANCE_IDR
    table["expiry"], table["profile"] = EXPIRY_DAY, 1
    return {name: table[name].copy() for name in CARD_DTYPE.names or ()}


def _terminal_columns(devices: list[tuple[int, ...]]) -> dict[str, NDArray[Any]]:
    table = np.zeros(len(devices), TERMINAL_DTYPE)
    table["terminal"] = table["sender"] = np.arange(1, len(devices) + 1)
    for at, (service, kind, direction, place, vehicle, vehicle_class) in enumerate(devices):
        row = table[at]
        row["service"], row["operator"], row["kind"] = service, service, kind
        row["direction"], row["place"] = direction, place
        row["vehicle"], row["vehicle_class"] = vehicle, vehicle_class
    columns = {name: table[name].copy() for name in TERMINAL_DTYPE.names or ()}
    return columns | {"enrolled": np.ones(len(devices), np.bool_)}
