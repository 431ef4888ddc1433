"""The device rule in arrays gives, tap for tap, what the device rule of the rulebook gives."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheme.days import day_of, instant_ms
from scheme.decision import CardSeen, Decision, Terminal, Versions, decide
from scheme.hotlist import Hotlist
from scheme.records import RecordKind
from scheme.services import LOADS, Direction, Service, TerminalKind, VehicleClass
from scheme.target import CARD_DTYPE, TERMINAL_DTYPE
from scheme.tariffs import Tariff
from scheme.verdicts import Verdict
from sim.card_state import Deck, Settled, settle
from sim.device_tables import DeviceTables, compile_tables
from sim.intents import INTENT_DTYPE, Act, Condition, Fault
from sim.scenario import SHIPPED
from sim.tables import read_tariff

DATE = dt.date(2026, 1, 28)
DAY = day_of(DATE)
TARIFF = read_tariff(SHIPPED / "data" / "tariffs" / "jakarta-2026")
TABLES = compile_tables(TARIFF, DAY)
DKI, BCA = 1016, 1057
LEBAK_BULUS, BLOK_M, BUNDARAN_HI = 101, 106, 113


class Device(NamedTuple):
    """A terminal, and the place of a tap on it."""

    service: Service
    kind: TerminalKind
    direction: Direction
    place: int
    vehicle: int = 0
    vehicle_class: VehicleClass = VehicleClass.none
    lane: int = 0


GATE, BUS, IN, OUT = TerminalKind.gate, TerminalKind.bus, Direction.entry, Direction.exit
GATES = [
    Device(service, GATE, direction, place, lane=lane)
    for service, places in (
        (Service.mrt, (LEBAK_BULUS, BLOK_M, BUNDARAN_HI)),
        (Service.lrt, (201, 206)),
        (Service.transjakarta_brt, (1001, 1005, 1020)),
    )
    for place in places
    for direction in (IN, OUT)
    for lane in (0, 1)
]
BUSES = [
    Device(service, BUS, Direction.either, stop, vehicle)
    for service, vehicle, stops in (
        (Service.transjakarta_bus, 7, (2001, 2003)),
        (Service.transjakarta_bus, 8, (2001, 2002)),
        (Service.mikrotrans, 9, (2101, 2103)),
    )
    for stop in stops
]
PARKS = [
    Device(Service.parking_lot, TerminalKind.lane, way, place, 0, VehicleClass.car)
    for place in (4001, 4002)
    for way in (IN, OUT)
] + [
    Device(Service.parking_street, TerminalKind.meter, Direction.either, place, 0, klass)
    for place, klass in ((4501, VehicleClass.car), (4502, VehicleClass.motorcycle))
]
OTHERS = [
    Device(Service.shop, TerminalKind.till, Direction.either, 5001),
    Device(Service.erp, TerminalKind.gantry, Direction.either, 6001, 0, VehicleClass.car),
    Device(Service.levy, TerminalKind.counter, Direction.either, 7001),
    Device(Service.topup, TerminalKind.counter, Direction.either, 7101),
    Device(Service.identity, TerminalKind.identity_reader, Direction.either, 7019),
]
DEVICES = GATES + BUSES + PARKS + OTHERS
GIVEN_IDR = {Service.shop: 8_000, Service.levy: 4_000, Service.topup: 20_000}


class Tap(NamedTuple):
    """One intent of a hand-made chain."""

    gap_s: int
    device: Device
    fault: Fault = Fault.none
    condition: Condition = Condition.always
    trip: int = 0
    listed: bool = False


def terminal_rows(devices: list[Device]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return one terminal a device; the stops of one vehicle are one terminal."""
    rows = np.zeros(len(devices), TERMINAL_DTYPE)
    for row, device in zip(rows, devices, strict=True):
        same = (
            next(i for i, d in enumerate(DEVICES) if d.vehicle == device.vehicle != 0)
            if (device.vehicle)
            else DEVICES.index(device)
        )
        row["terminal"] = 1_000 + same
        row["service"], row["kind"] = device.service, device.kind
        row["direction"], row["vehicle"] = device.direction, device.vehicle
        row["place"] = 0 if device.vehicle else device.place
        row["vehicle_class"] = device.vehicle_class
    return rows


def card_row(**values: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return one card with the values named."""
    card = np.zeros(1, CARD_DTYPE)
    plain = {"card": 9810570000000016, "issuer": BCA, "expiry": DAY + 100, "nt": 5,
             "balance": 50_000, "profile": 1, "key_version": 1}  # fmt: skip
    for name, value in (plain | values).items():
        card[name] = value
    return card


def deck_of(card: np.ndarray[tuple[int], np.dtype[np.void]], start: str, taps: list[Tap]) -> Deck:
    """Return a deck of one card."""
    intents = np.zeros(len(taps), INTENT_DTYPE)
    at_ms = instant_ms(DATE, start) + np.cumsum([tap.gap_s for tap in taps]) * 1_000
    terminals = terminal_rows([tap.device for tap in taps])
    for i, tap in enumerate(taps):
        service = tap.device.service
        intents[i] = (
            0, at_ms[i], terminals["terminal"][i], tap.device.place,
            Act.load if service in LOADS else Act.tap, GIVEN_IDR.get(service, 0),
            tap.trip, 0, tap.condition, tap.fault,
        )  # fmt: skip
    return Deck(card, intents, terminals, np.array([tap.listed for tap in taps], np.bool_))


class Rulebook:
    """One card, settled presentation by presentation with `scheme.decision`."""

    def __init__(self, deck: Deck, tariff: Tariff) -> None:
        self.deck, self.tariff = deck, tariff
        self.balance, self.nt = int(deck.cards["balance"][0]), int(deck.cards["nt"][0])
        self.transit, self.parking = bytes(29), bytes(7)
        self.accepted_s: dict[int, int] = {}

    def decide(self, row: int) -> Decision:
        """Return what the rulebook says of an intent."""
        card, intent, at = self.deck.cards[0], self.deck.intents[row], self.deck.terminals[row]
        seen = CardSeen(
            int(card["card"]), int(card["issuer"]), int(card["group"]), int(card["group_expiry"]),
            int(card["expiry"]), self.balance, self.transit, self.parking, bool(card["blocked"]),
        )  # fmt: skip
        terminal = Terminal(
            Service(int(at["service"])), TerminalKind(int(at["kind"])),
            Direction(int(at["direction"])), int(intent["place"]), int(at["vehicle"]),
            int(at["vehicle_class"]),
        )  # fmt: skip
        listed = frozenset({int(card["card"])} if self.deck.listed[row] else ())
        return decide(
            seen, terminal, Versions(self.tariff, Hotlist(1, listed)),
            int(intent["at_ms"]) // 1_000,
            last_accepted_s=self.accepted_s.get(int(at["terminal"])),
            given_idr=int(intent["amount"]),
        )  # fmt: skip

    def write(self, row: int, decision: Decision) -> None:
        """Move the card on by an accepted decision."""
        load = decision.kind is RecordKind.load
        self.balance += decision.amount_idr if load else -decision.amount_idr
        self.nt += 1
        if decision.kind is RecordKind.debit_transit:
            self.transit = decision.state_after
        if decision.kind is RecordKind.debit_parking:
            self.parking = decision.state_after
        terminal = int(self.deck.terminals["terminal"][row])
        self.accepted_s[terminal] = int(self.deck.intents["at_ms"][row]) // 1_000


def check_equal(deck: Deck, tables: DeviceTables = TABLES) -> Settled:
    """Settle in arrays and by the rulebook, and compare every presentation."""
    settled = settle(deck, tables)
    book = Rulebook(deck, TARIFF)
    for row, got in enumerate(settled.rows):
        decision = book.decide(row)
        if decision.verdict is Verdict.accepted:
            book.write(row, decision)
        expected = (decision.verdict, decision.amount_idr, decision.kind, book.nt, book.balance)
        names = ("verdict", "amount", "kind", "nt", "balance")
        assert tuple(int(got[name]) for name in names) == expected, (row, deck.intents[row])
        assert got["state"].tobytes() == decision.state_after.ljust(32, b"\0"), row
    assert (settled.balance[0], settled.nt[0]) == (book.balance, book.nt)
    return settled


GAPS_S = (0, 1, 9, 10, 11, 60, 300, 899, 900, 901, 1_800, 3_599, 3_600, 3_601, 7_200, 10_799,
          10_800, 10_801, 14_400)  # fmt: skip
PLAIN = (st.just(Fault.none), st.just(Condition.always), st.just(0))
TAPS = st.builds(
    Tap, st.sampled_from(GAPS_S), st.sampled_from(DEVICES), *PLAIN,
    st.sampled_from([False] * 9 + [True]),
)  # fmt: skip
CARDS = st.builds(
    card_row,
    balance=st.sampled_from([0, 1_999, 3_500, 5_000, 8_499, 13_999, 14_000, 20_000, 60_000]),
    issuer=st.sampled_from([DKI, BCA]),
    group=st.sampled_from([0, 0, 1, 15]),
    group_expiry=st.sampled_from([DAY - 1, DAY, DAY + 10]),
    expiry=st.sampled_from([DAY - 1, DAY, DAY, DAY, DAY + 9]),
    blocked=st.sampled_from([0] * 9 + [1]),
)


@settings(max_examples=150, deadline=None)
@given(CARDS, st.sampled_from(["00:05", "02:00", "04:59", "06:59"]), st.lists(TAPS, max_size=14))
def test_any_chain_of_taps_is_settled_as_the_rulebook_decides_it(
    card: np.ndarray[tuple[int], np.dtype[np.void]], start: str, taps: list[Tap]
) -> None:
    check_equal(deck_of(card, start, _within_the_day(start, taps)))


RIDES = st.sampled_from(GATES + BUSES)
GATES_ONLY = st.builds(Tap, st.sampled_from(GAPS_S), RIDES, *PLAIN, st.just(False))


@settings(max_examples=150, deadline=None)
@given(
    st.builds(card_row, balance=st.just(400_000), issuer=st.sampled_from([DKI, BCA]),
              group=st.sampled_from([0, 4]), group_expiry=st.sampled_from([DAY - 1, DAY + 1])),
    st.sampled_from(["00:05", "02:00", "06:00"]),
    st.lists(GATES_ONLY, min_size=2, max_size=20),
)  # fmt: skip
def test_any_chain_of_rides_is_settled_as_the_rulebook_decides_it(
    card: np.ndarray[tuple[int], np.dtype[np.void]], start: str, taps: list[Tap]
) -> None:
    check_equal(deck_of(card, start, _within_the_day(start, taps)))


def _within_the_day(start: str, taps: list[Tap]) -> list[Tap]:
    left_s = 24 * 3_600 - (int(start[:2]) * 3_600 + int(start[3:]) * 60) - 1
    kept = []
    for tap in taps:
        left_s -= tap.gap_s
        if left_s < 0:
            break
        kept.append(tap)
    return kept


MRT_IN, MRT_IN_2 = GATES[0], GATES[1]
MRT_OUT = next(d for d in GATES if d.place == BUNDARAN_HI and d.direction is OUT)
SHOP, TOPUP = OTHERS[0], OTHERS[3]


def verdicts(settled: Settled) -> list[Verdict | None]:
    """Return the verdict of each intent, None where it was not carried out."""
    return [Verdict(int(r["verdict"])) if r["executed"] else None for r in settled.rows]


@pytest.mark.parametrize(
    ("gap_s", "device", "completes"),
    [
        (3, MRT_IN, True),
        (120, MRT_IN, True),
        (121, MRT_IN, False),
        (5, MRT_IN_2, True),
        (5, MRT_OUT, False),
    ],
)
def test_a_torn_debit_is_completed_at_its_gate_or_one_beside_it_in_time(
    gap_s: int, device: Device, completes: bool
) -> None:
    taps = [Tap(0, MRT_IN, Fault.torn), Tap(gap_s, device, Fault.recovery)]
    settled = settle(deck_of(card_row(), "07:00", taps), TABLES)
    first, second = settled.rows
    assert (first["torn"], first["nt"], first["nt_before"]) == (1, 6, 5)
    assert (second["recovers"] == 0, bool(first["recovered"])) == (completes, completes)
    if completes:
        assert (second["nt"], second["state"].tobytes()) == (6, first["state"].tobytes())


def test_a_lost_exit_leaves_the_card_as_it_was_and_the_rider_gone() -> None:
    taps = [Tap(0, MRT_IN, trip=1), Tap(1_800, MRT_OUT, Fault.torn_lost, trip=1),
            Tap(3_600, MRT_IN)]  # fmt: skip
    settled = settle(deck_of(card_row(), "07:00", taps), TABLES)
    entry, lost, again = settled.rows
    assert verdicts(settled)[1] is Verdict.tap_was_torn
    assert (lost["torn"], lost["nt"], lost["balance"]) == (2, entry["nt"], entry["balance"])
    assert lost["state"].tobytes() == entry["state"].tobytes()
    assert again["amount"] == 14_000  # the highest fare from Lebak Bulus


def test_a_refused_entry_cancels_the_rest_of_its_trip_but_not_the_load() -> None:
    taps = [
        Tap(0, MRT_IN, trip=1),
        Tap(60, TOPUP, condition=Condition.after_short_balance, trip=1),
        Tap(900, MRT_OUT, trip=1),
        Tap(60, TOPUP, condition=Condition.after_short_balance, trip=1),
        Tap(60, MRT_OUT, condition=Condition.after_load, trip=1),
        Tap(900, SHOP),
    ]
    settled = settle(deck_of(card_row(balance=9_000), "07:00", taps), TABLES)
    assert verdicts(settled) == [
        Verdict.balance_below_minimum, Verdict.accepted, None, None, None, Verdict.accepted,
    ]  # fmt: skip


def test_who_is_short_at_a_till_loads_and_taps_again() -> None:
    taps = [
        Tap(0, SHOP),
        Tap(60, TOPUP, condition=Condition.after_short_balance),
        Tap(60, SHOP, condition=Condition.after_load),
    ]
    short = settle(deck_of(card_row(balance=7_999), "07:00", taps), TABLES)
    assert verdicts(short) == [Verdict.balance_too_low, Verdict.accepted, Verdict.accepted]
    assert short.balance[0] == 7_999 + 20_000 - 8_000
    able = settle(deck_of(card_row(balance=8_000), "07:00", taps), TABLES)
    assert verdicts(able) == [Verdict.accepted, None, None]


def test_the_second_of_two_taps_in_a_hurry_cancels_nothing() -> None:
    taps = [Tap(0, MRT_IN, trip=1), Tap(4, MRT_IN, Fault.double_tap, trip=1),
            Tap(1_800, MRT_OUT, trip=1)]  # fmt: skip
    settled = settle(deck_of(card_row(), "07:00", taps), TABLES)
    assert verdicts(settled) == [Verdict.accepted, Verdict.already_tapped, Verdict.accepted]


def test_cards_do_not_touch_each_other() -> None:
    chains = [
        [Tap(0, MRT_IN), Tap(900, MRT_OUT), Tap(60, SHOP)],
        [Tap(30, MRT_IN), Tap(11, MRT_IN_2)],
        [Tap(0, TOPUP)],
    ]
    decks = [deck_of(card_row(), "06:30", taps) for taps in chains]
    whole = []
    for index, deck in enumerate(decks):
        intents = deck.intents.copy()
        intents["card_index"] = index
        whole.append(intents)
    together = settle(
        Deck(
            np.concatenate([deck.cards for deck in decks]),
            np.concatenate(whole),
            np.concatenate([deck.terminals for deck in decks]),
            np.concatenate([deck.listed for deck in decks]),
        ),
        TABLES,
    )
    apart = np.concatenate([settle(deck, TABLES).rows for deck in decks])
    assert together.rows.tobytes() == apart.tobytes()
