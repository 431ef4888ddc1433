"""Which back office is under test: ours, one that a target.yaml describes, or a plug-in.

format: jakarta-one/target/1
name: Office of Bank X
url: https://office.example:8443
tls: {ca: ca.pem, certificate: client.pem, key: client.key}   # all optional
credentials: {token: OFFICE_TOKEN}      # names of environment variables, never the secrets
adapter: http                           # or a name of the entry point group jakarta_one.targets
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

from scheme.errors import InventoryError, ScenarioError, TargetError
from scheme.target import Target
from sim.document import Document, check, did_you_mean, read_document
from testbed.http_target import HttpTarget
from testbed.link import Link
from testbed.reference_process import ReferenceProcess

OURS = ("ours", "reference")
GROUP = "jakarta_one.targets"
FORMAT = "jakarta-one/target/1"
TEXT = {"type": "string", "minLength": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["format", "name", "url"],
    "properties": {
        "format": {"const": FORMAT, "description": FORMAT},
        "name": TEXT,
        "url": {**TEXT, "pattern": "^https?://", "description": "http://HOST:PORT"},
        "tls": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"ca": TEXT, "certificate": TEXT, "key": TEXT},
        },
        "credentials": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"token": {**TEXT, "description": "the name of a variable"}},
        },
        "adapter": TEXT,
    },
}


@dataclass(frozen=True, slots=True)
class TargetFile:
    """What a target.yaml says, with its secrets read from the environment."""

    name: str
    url: str
    adapter: str
    token: str
    tls: ssl.SSLContext | None


class OpenTarget(NamedTuple):
    """A back office that answers.

    Attributes:
        target: Enrols, publishes, closes, exports.
        url: Where the load driver posts uploads.
        ours: Whether it is the reference server that was started for this.
    """

    target: Target
    url: str
    ours: bool


@contextmanager
def open_target(
    spec: str, store: Path, server_arguments: Sequence[str] = ()
) -> Iterator[OpenTarget]:
    """Yield the back office that `spec` names; whatever was started for it is stopped afterwards.

    Args:
        spec: `ours` (or `reference`) starts the reference server; else the path of a target.yaml.
        store: Where the reference server keeps its databases.
        server_arguments: More arguments for it.

    Raises:
        ScenarioError: If the target file says something it may not say.
        InventoryError: If no adapter has its name, or a variable that it names is not set.
        TargetError: If the back office does not answer.
    """
    if spec in OURS:
        with ReferenceProcess(store, server_arguments) as process, process.target() as target:
            yield OpenTarget(target, process.url, ours=True)
        return
    described = read_target(Path(spec))
    office = adapter(described.adapter)(described)
    # An adapter may hold a connection; one that does is left when the work is done.
    with office if isinstance(office, AbstractContextManager) else nullcontext():
        yield OpenTarget(office, described.url, ours=False)


def check_target(spec: str) -> None:
    """Raise what `open_target` would for what is said wrong, before anything is started or written.

    Raises:
        ScenarioError: If the target file is missing or says something it may not say.
        InventoryError: If no adapter has its name, or a variable that it names is not set.
    """
    if spec not in OURS:
        adapter(read_target(Path(spec)).adapter)


def read_target(file: Path) -> TargetFile:
    """Return what a target.yaml says.

    Raises:
        ScenarioError: For the first thing that is wrong in it, in one line.
        InventoryError: If a variable that it names is not set.
        TargetError: If a certificate cannot be read.
    """
    if not file.is_file():
        raise ScenarioError(
            f"{file}: expected `reference` or the path of a target.yaml, got no such file"
        )
    document = read_document(file)
    check(document, SCHEMA)
    plain = document.plain
    return TargetFile(
        plain["name"], plain["url"], plain.get("adapter", "http"), _token(document), _tls(document)
    )


def adapter(name: str) -> Callable[[TargetFile], Target]:
    """Return the adapter of a name: `http`, or one by the entry point `jakarta_one.targets`."""
    if name == "http":
        return lambda file: HttpTarget(Link(file.url, file.token, file.tls))
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = sorted({"http", *found})
        raise InventoryError(
            f"no adapter {name!r} in {GROUP}; there are: {', '.join(known)}"
            f"{did_you_mean(name, known)}"
        )
    loaded: Callable[[TargetFile], Target] = found[name].load()
    return loaded


def _token(document: Document) -> str:
    variable = document.plain.get("credentials", {}).get("token")
    if variable is None:
        return ""
    if not os.environ.get(variable):
        where = f"{document.file}:{document.line(('credentials', 'token'))}: credentials.token"
        raise InventoryError(
            f"{where}: expected the name of a variable that holds the token, got {variable!r}, "
            f"which is not set; do: export {variable}=..."
        )
    return os.environ[variable]


def _tls(document: Document) -> ssl.SSLContext | None:
    given = document.plain.get("tls")
    if given is None:
        return None
    files = {name: document.file.parent / path for name, path in given.items()}
    try:
        context = ssl.create_default_context(cafile=files.get("ca"))
        if "certificate" in files:
            context.load_cert_chain(files["certificate"], files.get("key"))
    except (OSError, ssl.SSLError) as error:
        raise TargetError(
            f"{document.file}: tls: expected readable PEM files, got {error}"
        ) from error
    return context
