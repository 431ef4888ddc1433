"""The simulation is no decoration: what changes changes there, and in nothing independent of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from scheme.days import instant_ms
from scheme.errors import BadInputError
from scheme.services import Direction, Service, TerminalKind
from sim.demand import Demand, make_demand
from sim.network import GATED, Network
from sim.scenario import CapacityFactor, Change, Freeze, RemoveGates
from sim.supply import Supply, run_transit
from sim.transit.gates import RACK_LANE, gates_at
from sim.transit.paths import Paths
from sim.transit.result import TransitResult, stop_counts
from sim.transit.rides import make_rides
from sim.transit.terminals import RackLane
from sim.transit.vehicles import VEHICLES_MAX
from tests.sim.conftest import DATE, SEED, single_legs

MINUTE_MS = 60_000
OPERATORS = {Service.mrt: 2022}


def run(network: Network, demand: Demand, *changes: Change) -> TransitResult:
    return run_transit(network, demand, changes, SEED, OPERATORS)


@pytest.fixture(scope="module")
def result(network: Network, apart: Demand) -> TransitResult:
    return run(network, apart)


def of_service(result: TransitResult, *services: Service) -> bytes:
    """Everything that a tap of these services says, terminals by number."""
    service = result.terminals["service"][result.taps["terminal_index"]]
    taps = result.taps[np.isin(service, services)]
    terminals = result.terminals["terminal"][taps["terminal_index"]]
    return bytes(taps["at_ms"].tobytes() + terminals.tobytes())


def of_line(network: Network, result: TransitResult, *lines: str) -> NDArray[np.void]:
    courses = [i for i, course in enumerate(network.courses) if course.line in lines]
    rows: NDArray[np.void] = result.waits[np.isin(result.waits["course"], courses)]
    return rows


def others(*changed: Service) -> list[Service]:
    every = (Service.mrt, Service.lrt, Service.transjakarta_brt, Service.transjakarta_bus)
    return [s for s in (*every, Service.mikrotrans) if s not in changed]


def entries(result: TransitResult, place: int, *, elsewhere: bool = False) -> NDArray[np.void]:
    terminals = result.terminals[result.taps["terminal_index"]]
    here = (terminals["place"] == place) != elsewhere
    rows: NDArray[np.void] = result.taps[here & (terminals["direction"] == Direction.entry)]
    return rows


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    network: Network, rush: Demand
) -> None:
    once, again = run(network, rush), run(network, rush)
    for name in ("taps", "terminals", "stops", "banks", "waits", "ended_ms"):
        assert getattr(once, name).tobytes() == getattr(again, name).tobytes()
    other = run_transit(network, rush, (), SEED + 1, OPERATORS)
    assert other.taps.tobytes() != once.taps.tobytes()


def test_everybody_arrives_and_leaves_every_tap_behind(network: Network, rush: Demand) -> None:
    result = run(network, rush)
    assert (result.ended_ms > rush.trips["at_ms"]).all()
    row = network.row[rush.trips["origin"]], network.row[rush.trips["destination"]]
    legs = rush.paths.legs[row].astype(np.int64)
    taps = np.bincount(result.taps["trip"], minlength=len(legs) + 1)[1:]
    assert (taps == np.where(rush.trips["taps_out"], 2 * legs, legs)).all()
    assert (result.taps["at_ms"] > 0).all()
    assert (np.diff(result.taps["at_ms"]) >= 0).all()


def test_taps_of_a_trip_stand_in_time_order_at_terminals_of_their_place(
    network: Network, rush: Demand
) -> None:
    result = run(network, rush)
    taps = result.taps[np.argsort(result.taps["trip"], kind="stable")]
    same_trip = taps["trip"][1:] == taps["trip"][:-1]
    assert (np.diff(taps["at_ms"])[same_trip] > 0).all()
    assert (np.diff(taps["leg"].astype(int))[same_trip] >= 0).all()
    terminals = result.terminals[taps["terminal_index"]]
    at_gate = np.isin(terminals["service"], [int(s) for s in GATED])
    assert (terminals["place"][at_gate] == taps["place"][at_gate]).all()
    assert (terminals["place"][~at_gate] == 0).all()
    assert (terminals["vehicle"][~at_gate] > 0).all()


def test_a_bus_is_left_on_the_vehicle_that_was_boarded(network: Network, rush: Demand) -> None:
    result = run(network, rush)
    terminals = result.terminals[result.taps["terminal_index"]]
    taps = result.taps[terminals["vehicle"] > 0]
    key = taps["trip"].astype(np.int64) * 8 + taps["leg"]
    for leg in np.unique(key):
        assert len(set(taps["terminal_index"][key == leg].tolist())) == 1


def test_nobody_is_lost_at_any_stop_at_any_time(network: Network, rush: Demand) -> None:
    rides = make_rides(network, rush.paths, rush.trips, SEED)
    supply = Supply(network, rides, rush.trips, rush.window_ms, SEED)
    courses = [np.arange(c.first, c.first + c.count) for c in network.courses]
    for minute in (0, 4, 9, 15, 40, 90):
        supply.run(rush.window_ms[0] + minute * MINUTE_MS + 1)
        counts = stop_counts(supply)
        assert (counts["arrived"] == counts["waiting"] + counts["boarded"]).all()
        in_vehicle = supply.journal.vehicle > 0
        came_in = np.bincount(rides.board[in_vehicle], minlength=len(network.stops))
        assert (counts["boarded"] == came_in).all()
        for index, stops in enumerate(courses):
            runs = [run for run in supply.runs if run.course is network.courses[index]]
            aboard = sum(len(run.aboard) for run in runs)
            assert counts["boarded"][stops].sum() == aboard + counts["alighted"][stops].sum()
            assert all(len(run.aboard) <= supply.capacity[index] for run in runs)
        for bank in supply.banks:
            assert bank.passed <= bank.arrived
    supply.run()
    counts = stop_counts(supply)
    size = len(network.stops)
    assert (counts["boarded"] == np.bincount(rides.board, minlength=size)).all()
    assert (counts["alighted"] == np.bincount(rides.alight, minlength=size)).all()
    assert not counts["waiting"].any()


def test_no_vehicle_overtakes_another_on_rails_or_busways(
    network: Network, result: TransitResult
) -> None:
    gated = [i for i, course in enumerate(network.courses) if course.service in GATED]
    waits = result.waits[np.isin(result.waits["course"], gated)]
    for stop in np.unique(waits["board"])[::7]:
        here = waits[waits["board"] == stop]
        here = here[np.argsort(here["boarded_ms"])]
        changes = np.count_nonzero(np.diff(here["vehicle"])) + 1
        assert changes <= len(np.unique(here["vehicle"])) * 2


def test_a_gate_less_makes_its_station_wait_and_no_other(
    network: Network, apart: Demand, result: TransitResult
) -> None:
    place = network.place(Service.mrt, "Bundaran HI")
    change = RemoveGates(Service.mrt, place, Direction.exit, 6)
    fewer = run(network, apart, change)
    bank = (result.banks["place"] == place) & (result.banks["direction"] == Direction.exit)
    assert fewer.banks["gates"][bank] == result.banks["gates"][bank] - 6
    assert fewer.banks["wait_ms"][bank] > 1.5 * result.banks["wait_ms"][bank]
    assert (fewer.banks[~bank] == result.banks[~bank]).all()
    assert (fewer.waits == result.waits).all()  # nobody travels on from these gates
    assert of_service(fewer, Service.mrt) != of_service(result, Service.mrt)
    assert of_service(fewer, *others(Service.mrt)) == of_service(result, *others(Service.mrt))


def test_an_entry_gate_less_delays_boardings_there_and_no_entry_elsewhere(
    network: Network, apart: Demand, result: TransitResult
) -> None:
    place = network.place(Service.mrt, "Lebak Bulus")
    fewer = run(network, apart, RemoveGates(Service.mrt, place, Direction.entry, 8))
    now, before = entries(fewer, place), entries(result, place)
    assert len(now) == len(before)
    assert now["at_ms"].mean() > before["at_ms"].mean()
    ready = [of_line(network, r, "M1")["ready_ms"] for r in (fewer, result)]
    assert (ready[0] != ready[1]).any()
    boarded = [of_line(network, r, "M1")["boarded_ms"] for r in (fewer, result)]
    assert (boarded[0] != boarded[1]).any()
    elsewhere = [entries(r, place, elsewhere=True) for r in (fewer, result)]
    for column in ("at_ms", "card_index", "place"):
        assert (elsewhere[0][column] == elsewhere[1][column]).all()
    assert of_service(fewer, *others(Service.mrt)) == of_service(result, *others(Service.mrt))


def test_half_the_capacity_of_a_corridor_leaves_riders_behind_there(
    network: Network, paths: Paths, window_ms: tuple[int, int]
) -> None:
    until_ms = window_ms[0] + 40 * MINUTE_MS  # long enough to fill the corridor
    taps_out = np.ones(28_000, np.bool_)
    demand = single_legs(
        make_demand(network, paths, len(taps_out), (window_ms[0], until_ms), taps_out, SEED)
    )
    full, halved = CapacityFactor("1", 0.5), CapacityFactor("1", 0.25)  # 70 and 35 riders a bus
    result, half = run(network, demand, full), run(network, demand, halved)
    now, before = of_line(network, half, "1"), of_line(network, result, "1")
    waits = [(w["boarded_ms"] - w["ready_ms"]).mean() for w in (now, before)]
    assert waits[0] > 1.2 * waits[1]
    left_behind = [w["boarded_ms"] - w["ready_ms"] > 8 * MINUTE_MS for w in (now, before)]
    assert left_behind[0].sum() > 2 * left_behind[1].sum()
    assert (now["vehicle"] != before["vehicle"]).any()
    assert (now["alighted_ms"] != before["alighted_ms"]).any()
    assert of_service(half, Service.transjakarta_brt) != of_service(
        result, Service.transjakarta_brt
    )
    unmoved = others(Service.transjakarta_brt)
    assert of_service(half, *unmoved) == of_service(result, *unmoved)
    for line in ("M1", "L1", "JAK.31"):
        assert (of_line(network, half, line) == of_line(network, result, line)).all()


def test_a_frozen_train_delays_its_riders_and_those_behind_it(
    network: Network, apart: Demand, result: TransitResult
) -> None:
    ridden = of_line(network, result, "M1")
    vehicle = int(np.bincount(ridden["vehicle"]).argmax())
    at_ms = instant_ms(DATE, "07:12")
    freeze = Freeze("M1", vehicle % VEHICLES_MAX, at_ms, 10 * MINUTE_MS)
    frozen = run(network, apart, freeze)
    assert frozen.frozen == (1,)
    now = of_line(network, frozen, "M1")
    late = now["alighted_ms"] - ridden["alighted_ms"]
    assert late.max() > 5 * MINUTE_MS
    assert (late[ridden["alighted_ms"] < at_ms] == 0).all()
    behind = (ridden["vehicle"] != vehicle) & (late > 2 * MINUTE_MS)
    assert behind.any()
    assert of_service(frozen, Service.mrt) != of_service(result, Service.mrt)
    assert of_service(frozen, *others(Service.mrt)) == of_service(result, *others(Service.mrt))


def test_a_freeze_that_finds_no_vehicle_says_so(network: Network, apart: Demand) -> None:
    freeze = Freeze("L1", 99, instant_ms(DATE, "07:10"), MINUTE_MS)
    assert run(network, apart, freeze).frozen == (0,)


def test_a_station_without_a_gate_is_refused(network: Network, apart: Demand) -> None:
    place = network.place(Service.lrt, "Velodrome")
    with pytest.raises(BadInputError, match="'Velodrome' exit: expected fewer than its 3 gates"):
        run(network, apart, RemoveGates(Service.lrt, place, Direction.exit, 3))


def test_the_racks_riders_pass_its_lanes_and_nobody_else_does(
    network: Network, apart: Demand
) -> None:
    a = network.place(Service.mrt, "Lebak Bulus")
    b = network.place(Service.mrt, "Bundaran HI")
    lanes = RackLane(a, Direction.entry), RackLane(b, Direction.exit)
    rack = (apart.trips["origin"] == a) & (apart.trips["destination"] == b)
    result = run_transit(network, apart, (), SEED, OPERATORS, lanes, rack)
    serials = result.terminals["terminal"] // 10
    gate = result.terminals["kind"] == TerminalKind.gate
    on_lane = np.flatnonzero(gate & (serials % 32 == RACK_LANE))
    assert len(on_lane) == 2
    at_lane = np.isin(result.taps["terminal_index"], on_lane)
    assert set(result.taps["trip"][at_lane].tolist()) == set(apart.trips["trip"][rack].tolist())
    assert at_lane.sum() == rack.sum() + apart.trips["taps_out"][rack].sum()
    senders = result.terminals["sender"][on_lane]
    assert not np.isin(senders, np.delete(result.terminals["sender"], on_lane)).any()


def test_terminal_numbers_do_not_move_when_a_gate_goes(
    network: Network, apart: Demand, result: TransitResult
) -> None:
    place = network.place(Service.mrt, "Blok M")
    fewer = run(network, apart, RemoveGates(Service.mrt, place, Direction.entry, 1))
    gone = set(result.terminals["terminal"].tolist()) - set(fewer.terminals["terminal"].tolist())
    assert len(gone) == 1
    assert set(fewer.terminals["terminal"].tolist()) < set(result.terminals["terminal"].tolist())
    assert len(np.unique(result.terminals["terminal"])) == len(result.terminals)
    mrt = result.terminals["service"] == Service.mrt
    assert set(result.terminals["operator"][mrt].tolist()) == {2022}
    row = int(network.row[place])
    at_place = result.terminals[result.terminals["place"] == place]
    assert len(at_place) == 2 * gates_at(network, row)
