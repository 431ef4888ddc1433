"""A back office that speaks the HTTP of our reference server, as a `scheme.target.Target`.

Routes and documents: docs/spec/clearing.md. Uploads of a run do not come this way: the load driver
posts them itself; `upload` is for single calls.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scheme.batches import Seal, parse_batch
from scheme.errors import StoreError, TargetError
from scheme.target import Answer, Capability, IssuerKey
from testbed.link import Link

LONG_S = 300.0  # a day close or an export of a million taps
POLL_S = 0.1
RAW = {"content-type": "application/octet-stream"}
JSON = {"content-type": "application/json"}


class HttpTarget:
    """A back office behind a link that carries the operator's token."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._link.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._link.url

    def capabilities(self) -> frozenset[Capability]:
        """Return what this back office can do: everything."""
        return frozenset(Capability)

    def enrol_participants(self, participants: dict[str, Any]) -> None:
        """Make banks, operators, billers, shares and fees known."""
        self._post_json("/v1/registry/participants", participants)

    def enrol_terminals(self, terminals: NDArray[np.void], senders: NDArray[np.void]) -> None:
        """Make terminals and senders known, senders first."""
        self._link.expect("POST", "/v1/registry/senders", senders.tobytes(), RAW)
        self._link.expect("POST", "/v1/registry/terminals", terminals.tobytes(), RAW)

    def enrol_cards(self, cards: NDArray[np.void]) -> None:
        """Make cards known."""
        self._link.expect("POST", "/v1/registry/cards", cards.tobytes(), RAW, LONG_S)

    def enrol_issuer_keys(self, keys: list[IssuerKey]) -> None:
        """Hand each issuer's TAC master keys to its partition."""
        rows = [
            {"issuer": key.issuer, "version": key.version, "tac_master": key.tac_master.hex()}
            for key in keys
        ]
        self._post_json("/v1/registry/keys", rows)

    def publish_tariff(self, version: int, document: bytes) -> None:
        """Publish a tariff bundle under a version."""
        self._link.expect("POST", f"/v1/tariffs/{version}", document, JSON)

    def publish_hotlist(
        self, version: int, published_at_ms: int, cards: NDArray[np.uint64]
    ) -> None:
        """Publish the whole list under a version."""
        path = f"/v1/hotlists/{version}?published_at_ms={published_at_ms}"
        self._link.expect("POST", path, np.asarray(cards, "<u8").tobytes(), RAW)

    def upload(self, sealed: bytes) -> Answer:
        """Hand in one sealed batch or single tap by the route of its seal."""
        single = parse_batch(sealed).seal_kind is Seal.cmac
        reply = self._link.ask("POST", "/v1/taps" if single else "/v1/batches", sealed, RAW)
        return Answer(reply.status, reply.body)

    def status(self) -> dict[str, Any]:
        """Return how much was received, and how much of it has its verdict."""
        return dict(self._link.expect_json("GET", "/v1/status"))

    def wait_until_booked(self, deadline_s: float) -> None:
        """Return once the backlog is empty.

        Raises:
            TargetError: If it is not after `deadline_s` seconds, or its pipeline stands still.
        """
        until = time.monotonic() + deadline_s
        while (backlog := int((status := self.status())["backlog"])) > 0:
            if stalled := status.get("pipeline", {}).get("stalled"):
                raise TargetError(f"{self.url}: expected a pipeline at work, got: {stalled}")
            if time.monotonic() > until:
                raise TargetError(
                    f"{self.url}: expected every upload booked within {deadline_s:g} s, "
                    f"got a backlog of {backlog}"
                )
            time.sleep(POLL_S)

    def close_day(self, day: int, at_ms: int) -> dict[str, int]:
        """Close a business day; return net positions in rupiah by participant."""
        return {name: int(idr) for name, idr in self.closed_day(day, at_ms)["positions"].items()}

    def closed_day(self, day: int, at_ms: int) -> dict[str, Any]:
        """Close a business day; return all that the target says of it."""
        path = f"/v1/days/{day}/close?at_ms={at_ms}"
        return dict(self._link.expect_json("POST", path, timeout_s=LONG_S))

    def ledger(self) -> dict[str, Any]:
        """Return `ledger_hash` and the number of transfers."""
        return dict(self._link.expect_json("GET", "/v1/ledger", timeout_s=LONG_S))

    def export(self, into: Path) -> None:
        """Write the export's tables and manifest.json into a folder, the manifest last.

        Raises:
            TargetError: If the target breaks off.
            StoreError: If the folder cannot be written.
        """
        manifest = self._link.expect_json("GET", "/v1/export", timeout_s=LONG_S)
        try:
            into.mkdir(parents=True, exist_ok=True)
            for table in table_names(manifest):
                content = self._link.expect("GET", f"/v1/export/{table}", timeout_s=LONG_S)
                (into / f"{table}.parquet").write_bytes(content)
            text = json.dumps(manifest, indent=1) + "\n"
            (into / "manifest.json").write_text(text, encoding="utf-8")
        except TargetError:
            raise
        except OSError as error:
            raise StoreError(f"{into}: expected to write the export, got {error}") from error

    def _post_json(self, path: str, document: Any) -> None:
        self._link.expect("POST", path, json.dumps(document).encode(), JSON)


def table_names(manifest: dict[str, Any]) -> list[str]:
    """Return the tables that an export's manifest lists.

    Raises:
        TargetError: If a name could leave the folder, or there is no list.
    """
    tables = manifest.get("tables")
    names = list(tables) if isinstance(tables, dict | list) else []
    if not names or not all(isinstance(name, str) and name.isidentifier() for name in names):
        raise TargetError(f"GET /v1/export: expected a list of tables, got {tables!r}")
    return names
