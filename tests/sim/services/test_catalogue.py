"""All services of a town together: counts, one place at a time, and nothing shared but people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scheme.services import BILLS, LOADS, TRANSIT, Service
from scheme.target import TERMINAL_DTYPE
from sim.intents import Act
from sim.services.catalogue import CATALOGUE
from sim.services.town import GOING_HOME_MS, Town
from tests.sim.conftest import MORNING_MS
from tests.sim.services.conftest import ASKED, OTHERS, Crowd, Streams

APART_MS = 15_000
FASTEST_M_S = 60 / 3.6
LIMIT_IDR = {1: 2_000_000, 2: 10_000_000}
ACTS = {
    **dict.fromkeys(BILLS, Act.bill),
    **dict.fromkeys(LOADS, Act.load),
    Service.shop: Act.purchase,
    Service.identity: Act.check,
}
SERVICES = [one.service for one in CATALOGUE]


def contents(streams: Streams) -> dict[Service, tuple[bytes, bytes]]:
    return {s: (one.intents.tobytes(), one.terminals.tobytes()) for s, one in streams.items()}


def test_the_town_has_every_service_beside_transit() -> None:
    assert set(SERVICES) == set(ASKED) == set(Service) - TRANSIT


def test_every_service_has_as_many_customers_as_asked(served: tuple[Town, Streams]) -> None:
    _, streams = served
    got = {s: len(np.unique(stream.intents["card_index"])) for s, stream in streams.items()}
    assert got == ASKED


def test_no_card_has_two_errands_and_none_is_the_racks(served: tuple[Town, Streams]) -> None:
    town, streams = served
    cards = np.concatenate([np.unique(one.intents["card_index"]) for one in streams.values()])
    assert len(np.unique(cards)) == len(cards)
    assert not town.rack[cards].any()


def test_nobody_is_in_two_places_at_once(served: tuple[Town, Streams], crowd: Crowd) -> None:
    town, streams = served
    errands = np.concatenate([one.intents for one in streams.values()])
    rows = np.concatenate((crowd.transit.taps, errands))
    errand = np.arange(len(rows)) >= len(crowd.transit.taps)
    order = np.lexsort((rows["at_ms"], rows["card_index"]))
    rows, errand = rows[order], errand[order]
    same = (rows["card_index"][1:] == rows["card_index"][:-1]) & (errand[1:] | errand[:-1])
    assert same.sum() > 200
    apart_ms = np.diff(rows["at_ms"])[same]
    assert apart_ms.min() >= APART_MS
    place = rows["place"].astype(np.int64)
    metres = town.streets.metres(place[:-1][same], place[1:][same])
    assert (metres / apart_ms * 1_000).max() <= FASTEST_M_S


def test_an_errand_is_before_the_trip_or_after_it(
    served: tuple[Town, Streams], crowd: Crowd
) -> None:
    town, streams = served
    for service, stream in streams.items():
        rows = stream.intents[stream.intents["card_index"] < town.riders]
        before = rows["at_ms"] <= town.trip_ms[rows["card_index"]]
        after = rows["at_ms"] >= crowd.transit.ended_ms[rows["card_index"]]
        assert (before if service in (Service.topup, Service.parking_lot) else after).all()


def test_nobody_is_served_before_the_morning_or_half_an_hour_after_it(
    served: tuple[Town, Streams],
) -> None:
    for service, stream in served[1].items():
        at_ms = stream.intents["at_ms"]
        assert at_ms.min() >= MORNING_MS[0], service.name
        assert at_ms.max() <= MORNING_MS[1] + GOING_HOME_MS, service.name


@pytest.mark.parametrize("service", [Service.shop, Service.levy, Service.erp, Service.kjp])
def test_no_customer_comes_after_the_morning(town: Town, service: Service) -> None:
    everybody = np.ones(len(town.cards), np.bool_)
    cards, _, arrive_ms = town.visitors(service, len(town.cards), everybody)
    assert 0 < len(cards) < len(town.cards)
    assert arrive_ms.max() < MORNING_MS[1]


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_a_card_is_presented_for_what_the_service_is(
    served: tuple[Town, Streams], service: Service
) -> None:
    rows = served[1][service].intents
    act = ACTS.get(service, Act.tap)
    assert (rows["act"] == act).all()
    assert ((rows["amount"] > 0) == (act in (Act.purchase, Act.bill, Act.load))).all()
    assert not rows["trip"].any()
    assert not rows["condition"].any()
    assert not rows["fault"].any()


def test_cards_hold_what_is_billed_and_have_room_for_what_is_loaded(
    served: tuple[Town, Streams],
) -> None:
    town, streams = served
    for service in BILLS | LOADS:
        rows = streams[service].intents
        card = town.cards[rows["card_index"]]
        amount, balance = rows["amount"].astype(np.int64), card["balance"].astype(np.int64)
        limit = np.where(card["profile"] == 2, LIMIT_IDR[2], LIMIT_IDR[1])
        assert (balance <= limit).all()
        assert (balance >= amount if service in BILLS else balance + amount <= limit).all()


def test_terminals_are_their_own_and_nobody_elses(
    served: tuple[Town, Streams], crowd: Crowd
) -> None:
    parts = [crowd.transit.terminals, *(one.terminals for one in served[1].values())]
    rows = np.concatenate(parts)
    assert rows.dtype == TERMINAL_DTYPE
    own = rows[len(parts[0]) :]
    assert len(np.unique(rows["terminal"])) == len(np.unique(rows["sam"])) == len(rows)
    assert len(np.unique(own["sender"])) == len(own)
    assert not np.isin(own["sender"], parts[0]["sender"]).any()
    for stream in served[1].values():
        at = stream.terminals[stream.intents["terminal_index"]]
        assert (at["place"] == stream.intents["place"]).all()


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(
    served: tuple[Town, Streams], serve_asked: Callable[[dict[Service, int], int], Streams],
    crowd: Crowd,
) -> None:  # fmt: skip
    assert contents(serve_asked(ASKED, OTHERS)) == contents(served[1])
    town = crowd.town()
    other = {one.service: one.stream(replaced_seed(town), ASKED[one.service]) for one in CATALOGUE}
    for service, stream in other.items():
        assert stream.terminals.tobytes() == served[1][service].terminals.tobytes()
        assert stream.intents.tobytes() != served[1][service].intents.tobytes(), service.name


def replaced_seed(town: Town) -> Town:
    town.seed = 6
    return town


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_a_customer_more_of_one_service_changes_no_other(
    served: tuple[Town, Streams], serve_asked: Callable[[dict[Service, int], int], Streams],
    service: Service,
) -> None:  # fmt: skip
    before = contents(served[1])
    after = contents(serve_asked({**ASKED, service: ASKED[service] + 1}, OTHERS))
    assert [s for s in SERVICES if after[s] != before[s]] == [service]


def test_people_more_who_do_not_ride_change_no_service(
    serve_asked: Callable[[dict[Service, int], int], Streams],
) -> None:
    assert contents(serve_asked(ASKED, OTHERS - 90)) == contents(serve_asked(ASKED, OTHERS))


def test_who_is_short_of_own_people_borrows_and_still_serves_all(
    serve_asked: Callable[[dict[Service, int], int], Streams],
) -> None:
    asked = {**ASKED, Service.rent: 60}
    assert len(serve_asked(asked, OTHERS)[Service.rent].intents) == 60
