"""Drawings: well formed, to scale, and nothing where there is nothing to draw."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from reports.charts import latency_spectrum, latency_strip, taps_over_time
from reports.flows import USABLE, money_flow
from reports.picture import Picture
from tests.reports.handmade import DAY

EMPTY = Picture(1, 0, {}, [], [], [])
FULL = Picture(
    bin_minutes=1,
    first_minute=DAY * 1_440 - 60,  # 06:00 in Jakarta
    taps={"MRT": [1, 2, 3, 4], "Shops & <tills>": [0, 5, 0, 1]},
    spectrum=[(0.0, 100, 120), (50.0, 900, 1_100), (90.0, 2_000, 8_000), (100.0, 9_000, 40_000)],
    strip=[1_000, 0, 2_500],
    flows=[("Bank", "Scheme", 900), ("Scheme", "MRT", 700), ("Scheme", "Bank", 200),
           ("Bank", "Shop", 100)],
)  # fmt: skip
DRAWINGS: dict[str, Callable[[Picture], str]] = {
    "taps": taps_over_time, "spectrum": latency_spectrum, "strip": latency_strip,
    "flow": lambda picture: money_flow(picture.flows, "Scheme"),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_well_formed_and_says_what_it_is(name: str) -> None:
    root = ElementTree.fromstring(DRAWINGS[name](FULL))
    assert root.attrib["aria-label"]
    assert root.attrib["viewBox"].startswith("0 0 960 ")


@pytest.mark.parametrize("name", DRAWINGS)
def test_nothing_measured_is_nothing_drawn(name: str) -> None:
    assert DRAWINGS[name](EMPTY) == ""


def test_every_shape_says_its_figure() -> None:
    assert "<title>MRT: 10 taps</title>" in taps_over_time(FULL)
    assert "<title>Bank to Shop: Rp 100</title>" in money_flow(FULL.flows, "Scheme")


def test_names_are_escaped() -> None:
    assert "Shops &amp; &lt;tills&gt;" in taps_over_time(FULL)


def test_bars_are_as_high_as_their_rupiah() -> None:
    drawn = money_flow(FULL.flows, "Scheme")
    heights = [float(h) for h in re.findall(r'height="([0-9.]+)" class="bar"', drawn)]
    bank, scheme, mrt = heights[0], heights[1], heights[2]
    assert bank == USABLE  # the fullest column: 900 + 100
    assert scheme == pytest.approx(0.9 * USABLE, abs=0.1)
    assert mrt == pytest.approx(0.7 * USABLE, abs=0.1)


def test_the_clock_below_the_taps_is_jakartas() -> None:
    assert ">06:00</text>" in taps_over_time(FULL)
