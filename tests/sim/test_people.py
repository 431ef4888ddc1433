from __future__ import annotations

import numpy as np
import pytest

from scheme.days import calendar_day
from scheme.numbers import check_digit_holds
from scheme.services import Service
from sim.network import Network
from sim.people import Kind, People
from sim.transit.paths import Paths
from sim.transit.rides import make_rides
from tests.sim.conftest import ISSUERS, MORNING_MS, make_morning


def test_cards_are_distinct_and_of_every_bank(people: People) -> None:
    assert len(np.unique(people.cards["card"])) == len(people) == 40_500
    assert check_digit_holds(people.cards["card"].astype(np.int64)).all()
    shares = {n: float((people.cards["issuer"] == n).mean()) * 100 for n in ISSUERS}
    assert shares == pytest.approx(ISSUERS, abs=1.0)


def test_only_cards_of_the_groups_bank_ride_free_and_they_make_their_share(people: People) -> None:
    free = people.cards["group"] > 0
    assert set(people.cards["issuer"][free].tolist()) == {1016}
    assert abs(free.mean() - 0.055) < 0.005
    assert set(people.cards["group"][free].tolist()) == set(range(1, 16))
    day = calendar_day(MORNING_MS[0] // 1_000)
    assert 0.01 < (people.cards["group_expiry"][free] < day).mean() < 0.08


def test_every_card_is_valid_and_can_pay_any_trip(people: People) -> None:
    day = calendar_day(MORNING_MS[0] // 1_000)
    assert (people.cards["expiry"] > day).all()
    assert people.cards["balance"].min() >= 14_000 + 14_000 + 14_000
    assert people.cards["balance"].max() <= 2_000_000
    assert (people.cards["nt"] > 0).all()


def test_trips_start_within_the_window_by_the_hours_profile(people: People) -> None:
    at_ms = people.demand.trips["at_ms"]
    assert at_ms.min() >= MORNING_MS[0]
    assert at_ms.max() < MORNING_MS[1]
    hours = np.bincount((at_ms - MORNING_MS[0]) // 3_600_000) / len(at_ms)
    assert hours.tolist() == pytest.approx([10.9 / 29.2, 11.4 / 29.2, 6.9 / 29.2], abs=0.01)


def test_people_are_of_every_kind(people: People) -> None:
    assert set(np.unique(people.kind).tolist()) == {int(kind) for kind in Kind}
    riding = people.kind[: people.riders]
    assert 0.6 < (riding == Kind.commuter).mean() < 0.8
    assert 0.001 < (~people.taps_out).mean() < 0.01


def test_a_persons_draws_do_not_depend_on_how_many_there_are(
    network: Network, paths: Paths, people: People
) -> None:
    few = make_morning(network, paths, 10_000)
    assert (few.cards[:10_000] == people.cards[:10_000]).all()
    assert (few.demand.trips[:10_000] == people.demand.trips[:10_000]).mean() > 0.99


def test_mrt_entries_follow_the_published_order(network: Network, people: People) -> None:
    origin = people.demand.trips["origin"]
    count = {n: int((origin == network.place(Service.mrt, n)).sum()) for n in STATIONS}
    assert min(count[n] for n in STATIONS[:4]) > max(count[n] for n in STATIONS[4:])
    assert min(count, key=lambda n: count[n]) == "ASEAN"


STATIONS = ("Dukuh Atas", "Lebak Bulus", "Blok M", "Bundaran HI", "Senayan", "Haji Nawi", "ASEAN")


def test_corridors_rank_as_they_do_in_jakarta(
    network: Network, paths: Paths, people: People
) -> None:
    rides = make_rides(network, paths, people.demand.trips, 5)
    courses = network.stops["course"][rides.board]
    lines = np.array([course.line for course in network.courses])[courses]
    count = {line: int((lines == line).sum()) for line in map(str, range(1, 15))}
    assert set(sorted(count, key=lambda n: -count[n])[:3]) == {"1", "9", "13"}


def test_enough_riders_stay_between_the_places_that_a_rack_watches(
    network: Network, people: People
) -> None:
    trips = people.demand.trips
    flows = (
        (Service.mrt, "Lebak Bulus", "Bundaran HI"),
        (Service.transjakarta_brt, "Blok M", "Monumen Nasional"),
    )
    whole = [
        ((trips["origin"] == network.place(s, a)) & (trips["destination"] == network.place(s, b)))
        for s, a, b in flows
    ]
    assert all(flow.mean() > 0.003 for flow in whole)
    assert sum(flow.sum() for flow in whole) * 2 > 2_400 * len(trips) / 190_000
