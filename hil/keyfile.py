"""The key file: an issuer's master keys of one version, each with its key-check value.

A key-check value (KCV) is the first 3 bytes of AES over a block of zeros (`scheme.keys.kcv`): it
tells a mistyped or swapped key before a card is told anything, and gives no key away. A file may
hold fewer roles than four: a terminal needs `debit`, a top-up point `load` too.

    format: jakarta-one/keys/1
    issuer: 1016
    version: 1
    masters:
      debit: {key: "32 hex digits", kcv: "6 hex digits"}
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.marked import Marked, read_marked
from scheme.cryptograms import KEY_SIZE
from scheme.errors import BadInputError
from scheme.keys import KCV_SIZE, KEY_VERSION, Role, TestKeys, kcv

FORMAT = "jakarta-one/keys/1"


@dataclass(frozen=True)
class MasterKeys:
    """Master keys of one issuer and version.

    Attributes:
        source: Where they come from, in words: a file, or `test keys of seed 7`.
        masters: By role; a file need not hold every role. Never printed.
    """

    source: str
    issuer: int
    version: int
    masters: Mapping[Role, bytes] = field(repr=False)

    def master(self, role: Role) -> bytes:
        """Return the master of a role; raises BadInputError if it is not among them."""
        if role not in self.masters:
            there = ", ".join(known.name for known in self.masters)
            raise BadInputError.at(
                f"{self.source}: masters", expected=f"the role {role.name}", got=f"only {there}"
            )
        return self.masters[role]

    def of(self, issuer: int, version: int) -> MasterKeys:
        """Return itself; raises BadInputError unless it is that issuer's, of that version.

        A card that is asked with other keys counts a wrong MAC: it is not asked at all.
        """
        if (self.issuer, self.version) != (issuer, version):
            raise BadInputError.at(
                self.source,
                expected=f"the keys of issuer {issuer}, version {version}, as the card says",
                got=f"issuer {self.issuer}, version {self.version}; the card was not asked",
            )
        return self


def keys_of_seed(seed: int, issuer: int, version: int = KEY_VERSION) -> MasterKeys:
    """Return the test keys that a seed gives to an issuer."""
    keys = TestKeys(seed)
    masters = {role: keys.issuer_master(issuer, role, version) for role in Role}
    return MasterKeys(f"test keys of seed {seed}", issuer, version, masters)


def read_keys(path: Path) -> MasterKeys:
    """Return the keys of a file.

    Raises:
        BadInputError: If it is no key file, or a key is not the one its KCV tells; never shows a
            key.
    """
    top = read_marked(path, "key file", FORMAT)
    top.only(("format", "issuer", "version", "masters"), ("title",))
    rows = top.mapping("masters")
    rows.only((), tuple(role.name for role in Role))
    masters = {Role[name]: _master(rows.mapping(name), name) for name in rows.names()}
    if not masters:
        raise rows.wrong("", "at least one role", "none")
    return MasterKeys(
        str(path), top.number("issuer", 1, 9_999), top.number("version", 1, 255), masters
    )


def document_of(keys: MasterKeys) -> str:
    """Return the text of a key file."""
    masters = {
        role.name: {"key": key.hex(), "kcv": kcv(key).hex()} for role, key in keys.masters.items()
    }
    head = {"format": FORMAT, "title": keys.source, "issuer": keys.issuer, "version": keys.version}
    return json.dumps(head | {"masters": masters}, indent=2) + "\n"


def exposure(path: Path) -> str:
    """Return a warning if people other than its owner may read a key file, else nothing."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return ""
    return f"{path}: expected a key file that its owner alone may read, got mode {mode:03o}; " + (
        f"chmod 600 {path}"
    )


def _master(row: Marked, role: str) -> bytes:
    row.only(("key", "kcv"))
    key, told = row.octets("key", KEY_SIZE, secret=True), row.octets("kcv", KCV_SIZE)
    if kcv(key) != told:
        expected = f"KCV {told.hex()} of the {role} key"
        raise row.wrong("kcv", expected, f"{kcv(key).hex()} from the key in the file")
    return key
