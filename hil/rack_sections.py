"""The sections of a rack file beside its places: resources, agents, quarantine, devices under test.

A resource is one thing of the bench, found by its serial number, by its name in /dev/serial/by-id,
by a URL, or at an agent's. How it is driven follows from that; `driver` says it where the default
is not wanted. Nothing here opens a device.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from hil.address import EMPTY
from hil.discovery import BY_ID, port_of_serial
from hil.drivers import KINDS, check_part_url, is_simulated_part
from hil.form import Fields, Form
from hil.reader import check_url
from scheme.errors import InventoryError

FEATURES = {
    "tear": "a timer, or a simulated reader whose answers can be lost",
    "gate": "a gate",
    "contactless": "a reader",
    "sam": "a SAM",
}
FOUND_BY = ("serial", "by_id", "url", "agent")
RESOURCE_KEYS = (("kind", "simulated"), (*FOUND_BY, "place", "driver", "calibration", "note"))
CALIBRATION_KEYS = ("offset_ns", "uncertainty_ns", "date")
AGENT_KEYS = (("url", "token_env"), ("certificate",))
QUARANTINE_KEYS = (("serial", "reason"), ("since",))
DUT_KEYS = (("name", "vendor", "model", "firmware", "ics"), ("serial", "place", "needs", "note"))
DEFAULT_DRIVERS = {
    ("reader", "serial"): "pcsc",
    ("reader", "by_id"): "pn532",
    ("timer", "serial"): "fpga",
    ("timer", "by_id"): "fpga",
}
OWN_DRIVERS = ("model", "java", "vpcd", "pcsc", "pn532")  # bare, each opening has one of its own
SIMULATORS = ("model:", "cocotb:")  # of the FPGA; each opening has one of its own
NS_MAX = 1e9
COUNTED = re.compile(r"/dev/tty\w+\d+|(?<=pcsc://)\d{1,2}$")
STAYS = "a name that stays, by serial, by_id or /dev/serial/by-id"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured of a part: it is late by `offset_ns`, give or take `uncertainty_ns`."""

    offset_ns: float
    uncertainty_ns: float
    date: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing of the bench.

    Attributes:
        kind: `reader`, `timer`, `gate` or `power`; empty if its entry is wrong.
        url: What opens it.
        identity: What it is locked by, and what no two resources may share; empty for a program,
            of which each process has its own.
        serial: Its serial number, or its name by id, empty if neither is known.
        quarantine: Why it may not be used, empty if it may.
    """

    name: str
    line: int
    kind: str
    url: str
    identity: str
    simulated: bool
    serial: str = ""
    quarantine: str = ""
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """Another machine's rack: where its service is, and in which variable the token stands."""

    name: str
    url: str
    token_env: str
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Dut:
    """A device under test, with the file of what its maker claims that it does (ICS)."""

    name: str
    vendor: str
    model: str
    firmware: str
    ics: Path
    line: int
    serial: str = ""
    place: str = ""
    needs: tuple[str, ...] = ()


def is_own(url: str) -> bool:
    """Return whether each opening of a reader's URL has a virtual reader of its own."""
    scheme, _, address = url.partition("://")
    driver, bare = scheme.rpartition("+")[2], address.partition("?")[0]
    if driver == "replay" or (driver == "model" and bare):
        return True
    return driver in OWN_DRIVERS and bare in ("", EMPTY)


def read_agents(form: Form, top: Fields) -> dict[str, Agent]:
    """Return the agents of a file by name."""
    section = _section(form, top, "agents")
    agents: dict[str, Agent] = {}
    for name, line, node in section.entries() if section else ():
        fields = form.mapping(node, line, f"agents.{name}", *AGENT_KEYS)
        if fields is None:
            continue
        url = fields.text("url")
        if url and not url_is_safe(url):
            fields.wrong("url", "https://HOST:PORT, or http:// on this machine", f'"{url}"')
        agents[name] = Agent(name, url, fields.text("token_env"), fields.text("certificate"))
    return agents


def url_is_safe(url: str) -> bool:
    """Return whether nobody on the way can read what goes to a URL: HTTPS, or this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_quarantine(form: Form, top: Fields) -> dict[str, str]:
    """Return the reasons by serial number."""
    if "quarantine" not in top:
        return {}
    reasons: dict[str, str] = {}
    for line, node in form.rows(top.raw("quarantine"), top.line("quarantine"), "quarantine"):
        fields = form.mapping(node, line, "quarantine", *QUARANTINE_KEYS)
        if fields is not None:
            reasons[fields.text("serial")] = fields.text("reason")
    return reasons


def read_resources(
    form: Form, top: Fields, agents: Mapping[str, Agent], quarantine: Mapping[str, str]
) -> dict[str, Resource]:
    """Return the resources of a file by name; no two of them are the same thing."""
    section = _section(form, top, "resources")
    resources: dict[str, Resource] = {}
    for name, line, node in section.entries() if section else ():
        fields = form.mapping(node, line, f"resources.{name}", *RESOURCE_KEYS)
        resource = _resource(form, fields, name, line, agents, quarantine) if fields else None
        resource = resource or Resource(name, line, "", "", "", True)
        first = next((old.name for old in resources.values() if _same(old, resource)), "")
        if first:
            form.wrong(line, f"resources.{name}", "a port of its own", f'that of "{first}" again')
        resources[name] = resource
    for serial in quarantine:
        if not any(serial in (resource.serial or "") for resource in resources.values()):
            got = f'"{serial}", which no resource has'
            form.wrong(top.line("quarantine"), "quarantine", "the serial of a resource", got)
    return resources


def identity_of(url: str) -> str:
    """Return what a device's URL is locked by, however it is driven and with what options."""
    address = url.partition("?")[0].partition("://")[2]
    return address.removeprefix(f"{BY_ID}/") if address.startswith(str(BY_ID)) else url


def device_locks(*urls: str) -> set[str]:
    """Return what must be locked to open devices by their URLs alone; nothing for programs."""
    return {
        identity_of(url)
        for url in urls
        if not is_own(url) and url.partition("://")[2] not in SIMULATORS
    }


def counted(url: str) -> str:
    """Return the part of a URL that depends on the order of plugging in, empty if none does."""
    found = COUNTED.search(url.partition("?")[0])
    return found[0] if found else ""


def _same(one: Resource, other: Resource) -> bool:
    """Return whether two resources are one thing, as far as their fields tell."""
    pairs = ((one, other), (other, one))
    named = any(a.serial and a.serial in b.url for a, b in pairs)
    return named or bool(one.identity and one.identity == other.identity)


def read_duts(form: Form, top: Fields, places: Mapping[str, tuple[str, ...]]) -> tuple[Dut, ...]:
    """Return the devices under test; `places` are the features of each place by name."""
    if "duts" not in top:
        return ()
    duts = []
    for line, node in form.rows(top.raw("duts"), top.line("duts"), "duts"):
        fields = form.mapping(node, line, "dut", *DUT_KEYS)
        if fields is None:
            continue
        place, needs = fields.member("place", list(places)), fields.members("needs", list(FEATURES))
        offered = [places[place]] if place else list(places.values())
        for need in needs:
            if not any(need in features for features in offered):
                where = f'"{place}"' if place else "no place"
                has = "has not" if place else "has"
                fields.wrong("needs", "features that a place has", f'"{need}", which {where} {has}')
        ics = form.path.parent / (fields.text("ics") or ".")
        if fields.text("ics") and not ics.is_file():
            fields.wrong("ics", "a file", f"none at {ics}")
        name, vendor, model, firmware, serial = (
            fields.text(key) for key in ("name", "vendor", "model", "firmware", "serial")
        )
        duts.append(Dut(name, vendor, model, firmware, ics, line, serial, place, needs))
    return tuple(duts)


def _section(form: Form, top: Fields, key: str) -> Fields | None:
    """Return a section whose keys are names of the writer's own."""
    node = top.raw(key)
    names = [str(name) for name in node] if isinstance(node, dict) else []
    return form.mapping(node, top.line(key), key, (), names) if key in top else None


def _resource(
    form: Form,
    fields: Fields,
    name: str,
    line: int,
    agents: Mapping[str, Agent],
    quarantine: Mapping[str, str],
) -> Resource | None:
    kind = fields.member("kind", KINDS)
    found = [key for key in FOUND_BY if key in fields]
    if len(found) != 1:
        got = " and ".join(found) or "none"
        form.wrong(line, f"resources.{name}", f"one of {', '.join(FOUND_BY)}", got)
        return None
    how, value = found[0], fields.text(found[0])
    simulated = fields.flag("simulated")
    if not kind or not value:
        return None
    url, identity = _reached(fields, kind, how, value, name, agents)
    if url and not _driven(fields, kind, how, url):
        return None
    if how == "url" and not simulated and _is_program(kind, url):
        fields.wrong("simulated", "true of what is a program", "false")
    serial = value if how in ("serial", "by_id") else ""
    reason = next((why for key, why in quarantine.items() if key and key in serial), "")
    calibration = _calibration(form, fields) if "calibration" in fields else None
    return Resource(
        name, line, kind, url, identity, simulated, serial, reason, calibration
    )


def _reached(
    fields: Fields, kind: str, how: str, value: str, name: str, agents: Mapping[str, Agent]
) -> tuple[str, str]:
    """Return a resource's URL and its identity; no identity where each opening has its own."""
    if how == "url":
        if counted(value):
            fields.wrong("url", STAYS, f'"{counted(value)}"')
        return value, "" if _is_program(kind, value) else identity_of(value)
    if how == "agent":
        return _remote(fields, value, name, agents)
    driver = fields.text("driver") or DEFAULT_DRIVERS.get((kind, how), "")
    if not driver:
        fields.wrong(how, f"a driver for this {kind}", "none")
        return "", value
    if how == "by_id":
        return f"{driver}://{BY_ID / value}", value
    if driver == "pcsc":
        return f"pcsc://{value}", value
    port = port_of_serial(value)
    return f"{driver}://{port or BY_ID / value}", port.name if port else value


def _remote(
    fields: Fields, value: str, name: str, agents: Mapping[str, Agent]
) -> tuple[str, str]:
    if value not in agents:
        there = ", ".join(agents) or "none"
        fields.wrong("agent", f"one of agents: {there}", f'"{value}"')
        return "", ""
    agent, place = agents[value], fields.text("place") or name
    url = f"agent+{agent.url.rstrip('/')}/{quote(place)}?token_env={agent.token_env}"
    if agent.certificate:
        url += f"&certificate={agent.certificate}"
    return url, f"{agent.url} {place}"


def _driven(fields: Fields, kind: str, how: str, url: str) -> bool:
    """Return whether a driver answers for a resource's URL; notes it if none does."""
    try:
        check_url(url) if kind == "reader" else check_part_url(kind, url)
    except InventoryError as error:
        fields.wrong("driver" if "driver" in fields else how, "what a driver drives", error)
        return False
    return True


def _is_program(kind: str, url: str) -> bool:
    return is_own(url) if kind == "reader" else is_simulated_part(url)


def _calibration(form: Form, fields: Fields) -> Calibration | None:
    node, line = fields.raw("calibration"), fields.line("calibration")
    own = form.mapping(node, line, "calibration", CALIBRATION_KEYS)
    if own is None:
        return None
    offset = own.number("offset_ns", -NS_MAX, NS_MAX, 0)
    uncertainty = own.number("uncertainty_ns", 0, NS_MAX, 0)
    return Calibration(offset, uncertainty, str(own.raw("date")))
