"""The file that says what a validator is, read whole before anything runs.

    format: jakarta-one/validator/1
    terminal: 18                  # its number, and that of its sender unless `sender` says another
    service: mrt
    kind: gate
    direction: entry
    place: 101
    reader: vpcd://127.0.0.1:35963
    sam: vpcd://127.0.0.1:35964
    folder: state                 # its journal and lists; relative to this file
    tariff: tariff.json           # the bundle it begins with
    office: http://127.0.0.1:8470 # without it, it only keeps
    control: 127.0.0.1:9500       # without it, nobody can ask it anything
    test_keys: 0                  # their seed; a real one has signing_key and mac_key, in hex
    issue: 1016                   # a virtual SAM is issued for cards of this bank
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hil.marked import Marked, read_marked
from hil.reader import check_url
from hil.validator.book import COMPACT_BYTES
from scheme.decision import Terminal
from scheme.errors import InventoryError
from scheme.keys import KEY_VERSION, TestKeys
from scheme.services import Direction, Service, TerminalKind, VehicleClass

FORMAT = "jakarta-one/validator/1"
U16, U32, SEED_MAX = (1 << 16) - 1, (1 << 32) - 1, (1 << 63) - 1
DAY_S = 86_400
NEEDED = ("format", "terminal", "service", "kind", "place", "reader", "sam", "folder", "tariff")
OTHERS = (
    "sender", "key_version", "direction", "vehicle", "vehicle_class", "office", "control",
    "test_keys", "signing_key", "mac_key", "issue", "poll", "batch_records", "batch_age_ms",
    "clock_every_s", "lists_every_s", "compact_bytes", "sam_within_s",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """What a validator is.

    Attributes:
        folder: Where its journal and lists are.
        office: URL of the back office, empty for none.
        control: Host and port, or None.
        issue: Issuer whose cards a virtual SAM is made for, 0 for a SAM that is there.
        poll: Whether it looks for cards by itself; else it waits for `present`.
        batch_records, batch_age_ms: A batch is sealed at so many records, or at that age.
        clock_every_s, lists_every_s: How often it asks the back office.
    """

    terminal: int
    sender: int
    key_version: int
    facts: Terminal
    reader: str
    sam: str
    folder: Path
    tariff: Path
    office: str
    control: tuple[str, int] | None
    signing_key: Ed25519PrivateKey
    mac_key: bytes
    test_keys: TestKeys | None
    issue: int
    poll: bool
    batch_records: int
    batch_age_ms: int
    clock_every_s: int
    lists_every_s: int
    compact_bytes: int
    sam_within_s: int


def read_config(path: Path) -> Config:
    """Return the validator of a file; raises BadInputError with file, line, expected and got."""
    said = read_marked(path, "validator file", FORMAT)
    said.only(NEEDED, OTHERS)
    terminal = said.number("terminal", 1, U32)
    test_keys = TestKeys(said.number("test_keys", 0, SEED_MAX)) if said.has("test_keys") else None
    sender = _number(said, "sender", 1, U32, terminal)
    signing_key, mac_key = _keys(said, test_keys, sender)
    issue = _number(said, "issue", 0, U16, 0)
    if issue and test_keys is None:
        raise said.wrong("issue", "test_keys beside it: virtual SAMs hold test keys", "none")
    return Config(
        terminal, sender, _number(said, "key_version", 1, 255, KEY_VERSION), _facts(said),
        _url(said, "reader"), _url(said, "sam"),
        path.parent / said.text("folder"), path.parent / said.text("tariff"),
        said.text("office") if said.has("office") else "", _control(said),
        signing_key, mac_key, test_keys, issue,
        said.flag("poll") if said.has("poll") else False,
        _number(said, "batch_records", 1, 5_000, 50),
        _number(said, "batch_age_ms", 1, DAY_S * 1_000, 60_000),
        _number(said, "clock_every_s", 1, DAY_S, 3_600),
        _number(said, "lists_every_s", 1, DAY_S, 600),
        _number(said, "compact_bytes", 1, 1 << 30, COMPACT_BYTES),
        _number(said, "sam_within_s", 0, 600, 10),
    )  # fmt: skip


def _facts(said: Marked) -> Terminal:
    service = Service[_member(said, "service", list(Service.__members__), "")]
    kind = TerminalKind[_member(said, "kind", list(TerminalKind.__members__), "")]
    direction = Direction[_member(said, "direction", list(Direction.__members__), "either")]
    vehicle = _member(said, "vehicle_class", list(VehicleClass.__members__), "none")
    return Terminal(
        service, kind, direction, said.number("place", 0, U16),
        _number(said, "vehicle", 0, (1 << 24) - 1, 0), VehicleClass[vehicle],
    )  # fmt: skip


def _keys(said: Marked, test_keys: TestKeys | None, sender: int) -> tuple[Ed25519PrivateKey, bytes]:
    if test_keys is not None:
        return test_keys.sender_signing_key(sender), test_keys.sender_mac_key(sender)
    secret = said.octets("signing_key", 32, secret=True)
    return Ed25519PrivateKey.from_private_bytes(secret), said.octets("mac_key", 16, secret=True)


def _control(said: Marked) -> tuple[str, int] | None:
    if not said.has("control"):
        return None
    host, _, port = said.text("control").rpartition(":")
    if not host or not port.isdecimal() or int(port) > U16:
        raise said.wrong("control", "HOST:PORT", said.text("control"))
    return host, int(port)


def _url(said: Marked, key: str) -> str:
    url = said.text(key)
    try:
        check_url(url)
    except InventoryError as error:
        raise said.wrong(key, "the URL of a reader", error) from error
    return url


def _number(said: Marked, key: str, low: int, high: int, default: int) -> int:
    return said.number(key, low, high) if said.has(key) else default


def _member(said: Marked, key: str, names: list[str], default: str) -> str:
    if default and not said.has(key):
        return default
    name = said.text(key)
    if name not in names:
        raise said.wrong(key, f"one of {', '.join(names)}", f'"{name}"')
    return name
