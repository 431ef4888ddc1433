"""The rack file: which reader and which SAM stand for which gate of which station.

Reads and checks `jakarta-one/rack/2`, and `/1` before it, whole before anything runs: all mistakes
at once, each with file, line, expected and got. It opens no device; whether those that it names are
plugged in is `hil.presence`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hil.form import Fields, Form, Problem
from hil.limits import profiles
from hil.rack_sections import (
    FEATURES,
    STAYS,
    Agent,
    Dut,
    Resource,
    counted,
    identity_of,
    is_own,
    read_agents,
    read_duts,
    read_quarantine,
    read_resources,
)
from hil.reader import REMOTE, REMOTE_SCHEMES, check_url
from scheme.errors import BadInputError, InventoryError
from scheme.services import Direction, Service

FORMAT_1, FORMAT = "jakarta-one/rack/1", "jakarta-one/rack/2"
KEYS_1 = (("format", "title", "places"), ())
SECTIONS = ("site", "time_scale", "limits", "resources", "agents", "quarantine", "duts")
KEYS = (("format", "title", "places"), SECTIONS)
GATE = ("name", "reader", "sam", "service", "place", "direction")
PLACE_KEYS_1 = ((*GATE, "simulated"), ())
PLACE_KEYS = (
    ("name", "reader", "service", "place", "direction"),
    ("sam", "timer", "gate", "power", "features", "note"),
)
PARTS = ("timer", "gate", "power")  # each written RESOURCE or RESOURCE/CHANNEL
SCALE_MAX = 1_000.0


@dataclass(frozen=True, slots=True)
class RackPlace:
    """One place of the rack: a terminal, and a sender of its own.

    Attributes:
        reader, sam: URLs of `hil.reader`; `sam` is empty where there is none.
        place: The station's name in scenarios/data/places.csv.
        simulated: Whether no hardware takes part.
        features: What it can do, names of `FEATURES`.
        parts: Its timer, gate and power by kind: the resource's name and the channel.
        resources: The names of the resources that it uses.
        locks: What must be locked to use it; empty where every process has its own.
        quarantine: Why it may not be used, empty if it may.
    """

    name: str
    reader: str
    sam: str
    service: Service
    place: str
    direction: Direction
    simulated: bool
    features: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    quarantine: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class RackFile:
    """A rack as its file says.

    Attributes:
        time_scale: Multiplies every time limit of the host, for parts that are slow simulations.
        limits: The name of its limits profile, empty if it has none.
    """

    path: Path
    title: str
    places: tuple[RackPlace, ...]
    site: str = ""
    time_scale: float = 1.0
    limits: str = ""
    resources: Mapping[str, Resource] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    duts: tuple[Dut, ...] = ()
    quarantine: Mapping[str, str] = field(default_factory=dict)

    def place(self, name: str) -> RackPlace:
        """Return a place by name.

        Raises:
            InventoryError: If there is none; names those there are.
        """
        for place in self.places:
            if place.name == name:
                return place
        names = ", ".join(place.name for place in self.places)
        raise InventoryError(f'no place "{name}" in {self.path}; there are: {names}')

    def lock_of(self, url: str) -> set[str]:
        """Return what must be locked to use one reader: nothing, if it is a program."""
        if is_own(url):
            return set()
        named = {each.identity for each in self.resources.values() if each.url == url}
        return named or {identity_of(url)}

    def locks(self) -> set[str]:
        """Return what must be locked to use all places."""
        return {lock for place in self.places for lock in place.locks}

    def features(self) -> set[str]:
        """Return what at least one place can do."""
        return {feature for place in self.places for feature in place.features}


def kind_of(url: str) -> tuple[str, str]:
    """Return a reader's driver, and what its cards are: python, java, or whatever is there.

    A reader with an address of its own holds what its owner put there, called `own`.
    """
    scheme, _, address = url.partition("://")
    driver = REMOTE if scheme.endswith(REMOTE_SCHEMES) else scheme.rpartition("+")[2]
    bare, _, asked = address.partition("?")
    if driver == "java" or "card=java" in asked.split("&"):
        return driver, "java"
    return driver, "python" if driver == "model" or bare in ("", "empty") else "own"


def load_rack(path: Path) -> RackFile:
    """Return the rack of a file.

    Raises:
        BadInputError: If the file is missing, no YAML, or says what it may not say; names all.
    """
    rack, problems = read_rack(path)
    if rack is None or problems:
        raise BadInputError("; ".join(str(problem) for problem in problems))
    return rack


def read_rack(path: Path) -> tuple[RackFile | None, list[Problem]]:
    """Return the rack of a file and every mistake in it; no rack if it is none at all.

    Raises:
        BadInputError: If the file is missing or no YAML.
    """
    form = Form(path)
    tree = form.parsed("rack file")
    version = tree.get("format") if isinstance(tree, dict) else None
    old = version == FORMAT_1
    top = form.mapping(tree, 1, "document", *(KEYS_1 if old else KEYS))
    if top is None:
        return None, form.problems
    if "format" in top and version not in (FORMAT_1, FORMAT):
        newer = str(version).startswith("jakarta-one/rack/")
        hint = "; a newer jakarta-one reads it" if newer else ""
        top.wrong("format", f"{FORMAT} or {FORMAT_1}", f"{version}{hint}")
        return None, form.problems
    agents, quarantine = read_agents(form, top), read_quarantine(form, top)
    resources = read_resources(form, top, agents, quarantine)
    places, sound = _places(form, top, resources, old)
    _check_places(form, sound)
    rack = RackFile(
        path,
        top.text("title"),
        tuple(places),
        top.text("site"),
        top.number("time_scale", 1, SCALE_MAX, 1),
        top.member("limits", list(profiles())),
        resources,
        agents,
        read_duts(form, top, {place.name: place.features for place in places}),
        quarantine,
    )
    return rack, sorted(form.problems, key=lambda problem: problem.line)


def _places(
    form: Form, top: Fields, resources: Mapping[str, Resource], old: bool
) -> tuple[list[RackPlace], list[RackPlace]]:
    """Return all places, and those of them in which no mistake was found."""
    places, sound = list[RackPlace](), list[RackPlace]()
    if "places" not in top:
        return places, sound
    for line, node in form.rows(top.raw("places"), top.line("places"), "places"):
        before = len(form.problems)
        fields = form.mapping(node, line, "place", *(PLACE_KEYS_1 if old else PLACE_KEYS))
        if fields is None:
            continue
        place = _place(fields, line, resources, old)
        places.append(place)
        if len(form.problems) == before:
            sound.append(place)
    return places, sound


def _place(fields: Fields, line: int, resources: Mapping[str, Resource], old: bool) -> RackPlace:
    service = fields.member("service", [s.name for s in Service])
    direction = fields.member("direction", [d.name for d in Direction])
    urls, used, own_locks, marks = {}, list[Resource](), list[str](), list[bool]()
    for key in ("reader", "sam"):
        url, resource = _reader(fields, key, resources, old)
        urls[key] = url
        if resource is not None:
            used.append(resource)
        elif url and not is_own(url):
            own_locks.append(identity_of(url))
        marks.append(resource.simulated if resource else is_own(url) or not url)
    parts = {}
    for kind in PARTS:
        part = _part(fields, kind, resources)
        if part is not None:
            parts[kind] = (part[0].name, part[1])
            used.append(part[0])
    simulated = fields.flag("simulated") if old else all(marks) and all(r.simulated for r in used)
    features = fields.members("features", list(FEATURES))
    _check_features(fields, features, simulated)
    names = {resource.name: resource for resource in used}
    return RackPlace(
        name=fields.text("name"),
        reader=urls["reader"],
        sam=urls["sam"],
        service=Service[service or Service(1).name],
        place=fields.text("place"),
        direction=Direction[direction or Direction(0).name],
        simulated=simulated,
        features=features,
        parts=parts,
        resources=tuple(names),
        locks=tuple(sorted({r.identity for r in used if r.identity} | set(own_locks))),
        quarantine="; ".join(f"{r.name}: {r.quarantine}" for r in used if r.quarantine),
        line=line,
    )


def _reader(
    fields: Fields, key: str, resources: Mapping[str, Resource], old: bool
) -> tuple[str, Resource | None]:
    """Return the URL under a key and, where it names one, the resource."""
    value = fields.text(key)
    if not value:
        return "", None
    if "://" not in value and not old:
        return _named(fields, key, value, "reader", resources)
    try:
        check_url(value)
    except InventoryError as error:
        fields.wrong(key, "the URL of a reader", error)
        return "", None
    if not old and not is_own(value):
        fields.wrong(key, "a resource's name, as it is one device", f'the URL "{value}"')
    elif counted(value):
        fields.wrong(key, STAYS, f'"{counted(value)}"')
    return value, None


def _named(
    fields: Fields, key: str, name: str, kind: str, resources: Mapping[str, Resource]
) -> tuple[str, Resource | None]:
    there = [each.name for each in resources.values() if each.kind == kind]
    if name in there:
        return resources[name].url, resources[name]
    if name in resources and not resources[name].kind:
        return "", None  # its own mistake is told where it stands
    listed = ", ".join(there) or "none"
    is_other = f", which is a {resources[name].kind}" if name in resources else ""
    fields.wrong(key, f"a {kind} of resources: {listed}", f'"{name}"{is_other}')
    return "", None


def _part(
    fields: Fields, kind: str, resources: Mapping[str, Resource]
) -> tuple[Resource, int] | None:
    value = fields.text(kind)
    if not value:
        return None
    name, slash, channel = value.partition("/")
    if slash and not channel.isdecimal():
        fields.wrong(kind, "RESOURCE/CHANNEL with a whole number", f'"{value}"')
        return None
    _, resource = _named(fields, kind, name, kind, resources)
    return None if resource is None else (resource, int(channel or 0))


def _check_features(fields: Fields, features: tuple[str, ...], simulated: bool) -> None:
    there = {
        "tear": "timer" in fields or simulated,
        "gate": "gate" in fields,
        "contactless": "reader" in fields,
        "sam": "sam" in fields,
    }
    for feature in features:
        if not there[feature]:
            fields.wrong("features", f"{FEATURES[feature]} for {feature}", "none at this place")


def _check_places(form: Form, places: Sequence[RackPlace]) -> None:
    """Note each name, gate, port and channel that stands for a second place."""
    seen: dict[object, str] = {}
    for place in places:
        gate = (place.service, place.place, place.direction)
        keys: list[tuple[object, str, str]] = [
            (place.name, "name", "one of its own"),
            (gate, "service, place and direction", "one of its own"),
        ]
        ports = [url for url in (place.reader, place.sam) if url and not is_own(url)]
        keys += [(("port", identity_of(url)), "port", "one of its own") for url in ports]
        keys += [
            ((kind, *part), f"{kind} channel", "one of its own")
            for kind, part in place.parts.items()
        ]
        for key, what, expected in keys:
            if key in seen:
                form.wrong(place.line, what, expected, f'{_that(what)} of "{seen[key]}" again')
            seen.setdefault(key, place.name)


def _that(what: str) -> str:
    return "those" if " and " in what else "that"
