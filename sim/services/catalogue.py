"""All services beside transit, in the order in which they take their customers."""

from __future__ import annotations

from sim.services.bpjs import BPJS
from sim.services.car_parks import CarParks
from sim.services.driving_licence import DRIVING_LICENCE
from sim.services.hospital import HOSPITAL
from sim.services.identity import IDENTITY
from sim.services.kjp import KJP
from sim.services.kur import KUR
from sim.services.levies import LEVIES
from sim.services.meters import Meters
from sim.services.rent import RENT
from sim.services.road_pricing import RoadPricing
from sim.services.shops import SHOPS
from sim.services.topups import TopUps
from sim.services.town import CityService
from sim.services.vehicle_tax import VEHICLE_TAX

# The order counts only where a service has not people enough of its own and borrows of others:
# first those whom few can help out.
CATALOGUE: tuple[CityService, ...] = (
    TopUps(), RoadPricing(), CarParks(), Meters(), KJP, KUR, LEVIES, RENT, VEHICLE_TAX,
    DRIVING_LICENCE, BPJS, HOSPITAL, SHOPS, IDENTITY,
)  # fmt: skip
