"""The rack file of the first version, still read, and what both versions have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.rack import kind_of, load_rack
from scheme.errors import BadInputError, InventoryError
from scheme.services import Direction, Service

SHIPPED = Path(__file__).parents[2] / "rack.sim.yaml"
FEATURES = "features: [tear, contactless, sam]"


def first_version() -> str:
    """Return the shipped rack as its file was in the first version of the format."""
    text = SHIPPED.read_text(encoding="utf-8").replace("rack/2", "rack/1")
    return text.replace(FEATURES, "simulated: true")


def test_the_first_version_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(first_version())
    old, new = load_rack(file), load_rack(SHIPPED)
    said = [[(p.name, p.reader, p.sam, p.simulated) for p in rack.places] for rack in (old, new)]
    assert said[0] == said[1]


def test_the_shipped_rack_has_four_simulated_places_in_pairs() -> None:
    rack = load_rack(SHIPPED)
    assert [(p.service, p.place, p.direction) for p in rack.places] == [
        (Service.mrt, "Lebak Bulus", Direction.entry),
        (Service.mrt, "Bundaran HI", Direction.exit),
        (Service.transjakarta_brt, "Blok M", Direction.entry),
        (Service.transjakarta_brt, "Monumen Nasional", Direction.exit),
    ]
    assert all(place.simulated for place in rack.places)
    assert rack.place("brt-blok-m-in") is rack.places[2]


def test_a_place_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(InventoryError, match=r'no place "gate-A".*there are: mrt-lebak-bulus-in'):
        load_rack(SHIPPED).place("gate-A")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("rack/1", "rack/3", 5, "got jakarta-one/rack/3; a newer jakarta-one reads it"),
        ("title:", "titel:", 6, 'document: expected one of format, title, places, got "titel"'),
        ("service: mrt", "service: mrtt", 11, 'got "mrtt"; did you mean "mrt"?'),
        ("direction: entry", "direction: inward", 13, 'direction: expected one of either, entry'),
        ("simulated: true", "simulated: maybe", 14, "simulated: expected true or false, got maybe"),
        ("reader: model://", "reader: modle://", 9, 'did you mean "model"?'),
        ("    service: mrt\n", "", 8, "got no service"),
        ("    service: mrt\n", "    servce: mrt\n", 11, 'got "servce"'),
        ("place: Lebak Bulus", "place: 7", 12, "place: expected a text, got 7"),
        ("name: mrt-bundaran-hi-out", "name: mrt-lebak-bulus-in", 15,
         "name: expected one of its own"),
        ("place: Bundaran HI\n    direction: exit", "place: Lebak Bulus\n    direction: entry", 15,
         'service, place and direction: expected one of its own'),
        ("title: ", "title: [", 7, "document: expected YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(first_version().replace(old, new, 1))
    with pytest.raises(BadInputError) as wrong:
        load_rack(file)
    text = str(wrong.value)
    assert "\n" not in text
    assert text.startswith(f"{file}:{line}: "), text
    assert said in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "document: expected a mapping, got None"),
        ("format: jakarta-one/rack/1\ntitle: x\nplaces: []\n", "places: expected a list of at"),
        ("format: jakarta-one/rack/1\ntitle: x\nplaces: [7]\n", "place: expected a mapping, got 7"),
    ],
)
def test_a_rack_without_places_is_none(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(text)
    with pytest.raises(BadInputError, match=said):
        load_rack(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="expected a rack file, got no such file"):
        load_rack(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("model://empty", ("model", "python")),
        ("fault+model://", ("model", "python")),
        ("java://empty", ("java", "java")),
        ("vpcd://empty", ("vpcd", "python")),
        ("pcsc://?card=java", ("pcsc", "java")),
        ("pcsc://ACS ACR1252", ("pcsc", "own")),
        ("pn532://empty?card=java", ("pn532", "java")),
        ("pn532:///dev/serial/by-id/usb-reader-0001", ("pn532", "own")),
        ("vpcd://127.0.0.1:35963", ("vpcd", "own")),
    ],
)
def test_a_url_tells_what_kind_of_card_is_behind_it(url: str, kind: tuple[str, str]) -> None:
    assert kind_of(url) == kind


def test_the_shipped_rack_with_virtual_pcsc_places_says_what_its_cards_are() -> None:
    rack = load_rack(SHIPPED.with_name("rack.pcsc.yaml"))
    assert {kind_of(place.reader) for place in rack.places} == {
        ("pcsc", "java"),
        ("vpcd", "python"),
    }


def test_each_place_of_the_shipped_rack_with_an_fpga_is_torn_by_an_output_of_its_own() -> None:
    rack = load_rack(SHIPPED.with_name("rack.fpga.yaml"))
    assert all(place.simulated and "tear" in place.features for place in rack.places)
    assert [place.parts["timer"] for place in rack.places] == [("tearer", n) for n in range(4)]


def test_the_shipped_rack_with_emulated_pn532_readers_needs_no_hardware() -> None:
    rack = load_rack(SHIPPED.with_name("rack.pn532.yaml"))
    assert all(place.simulated for place in rack.places)
    assert {kind_of(place.reader) for place in rack.places} == {
        ("pn532", "java"),
        ("pn532", "python"),
    }
