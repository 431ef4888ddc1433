"""The way in: two bare ASGI endpoints that take a sealed upload and answer once it is durable.

Bare, because a framework's routing costs more than the work (docs/decisions/0004-seals.md has the
figures of the seals). Whatever bytes come, the answer is a receipt or a problem document.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from reference_server.clock import Clock
from reference_server.devices import Senders
from reference_server.group_commit import GroupCommit, QueueFullError
from reference_server.metrics import Metrics
from reference_server.proof import REASONS, Refusal, check_upload, head_of
from reference_server.schema import ArrivalKind
from reference_server.store import Arrival, Stored
from scheme.batches import BATCH_SIZE_MAX, Batch, Seal
from scheme.errors import StoreError

RECEIPT_FORMAT = "jakarta-one/receipt/1"
RETRY_AFTER_S = 1
NO_DIGEST = b""
_encode = msgspec.json.Encoder().encode


class DisconnectedError(Exception):
    """The sender went away before its upload was whole; nothing is kept."""


class Intake:
    """The endpoint of one route: POST a sealed upload, get a receipt."""

    def __init__(
        self,
        route: Seal,
        senders: Senders,
        commits: GroupCommit,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._route = route
        self._senders = senders
        self._commits = commits
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            detail = f"expected POST, got {scope['method']}"
            await send_problem(send, 405, "method-not-allowed", detail, [(b"allow", b"POST")])
            return
        try:
            data = await read_body(receive, BATCH_SIZE_MAX + 1)
        except DisconnectedError:
            self._metrics.count_upload("disconnected")
            return
        began = time.perf_counter()
        try:
            await self._answer(data, send)
        except QueueFullError as error:
            await self._come_back(send, "intake-full", str(error))
        except StoreError as error:
            await self._come_back(send, "store-failed", str(error))
        self._metrics.intake_seconds.observe(time.perf_counter() - began)

    async def _answer(self, data: bytes, send: Send) -> None:
        checked = check_upload(data, self._route, self._senders)
        if isinstance(checked, Refusal):
            await self._refuse(data, checked, send)
            return
        digest = checked.digest
        stored = await self._commits.submit(
            Arrival(
                0, ArrivalKind.upload, checked.sender, checked.number, checked.count,
                self._clock.at_us(), len(data), digest, "accepted", data,
            )
        )  # fmt: skip
        if stored.standing is not None:
            await self._conflict(checked, digest, stored.standing, send)
            return
        self._metrics.count_upload("repeated" if stored.repeated else "accepted")
        await send_json(send, 200, receipt(checked, digest, stored))

    async def _refuse(self, data: bytes, refusal: Refusal, send: Send) -> None:
        self._metrics.count_upload(refusal.reason)
        kept = data[:BATCH_SIZE_MAX]
        head = head_of(kept)
        await self._commits.submit(
            Arrival(
                0, ArrivalKind.refused, head.sender, head.number, head.taps,
                self._clock.at_us(), len(data), NO_DIGEST, refusal.reason, kept,
            )
        )  # fmt: skip
        status = REASONS[refusal.reason][0]
        close = [(b"connection", b"close")] if status == 413 else []
        await send_problem(send, status, refusal.reason, refusal.detail, close)

    async def _conflict(self, batch: Batch, digest: bytes, standing: bytes, send: Send) -> None:
        reason = "batch-digest-differs"
        self._metrics.count_upload(reason)
        problem = {
            "batch": f"{batch.sender}-{batch.number}",
            "expected": standing.hex(),
            "got": digest.hex(),
        }
        detail = "another batch stands under this sender and number; both are kept as evidence"
        await send_problem(send, REASONS[reason][0], reason, detail, [], problem)

    async def _come_back(self, send: Send, reason: str, detail: str) -> None:
        self._metrics.count_upload(reason)
        retry = [(b"retry-after", str(RETRY_AFTER_S).encode())]
        await send_problem(send, 503, reason, detail, retry)


def receipt(batch: Batch, digest: bytes, stored: Stored) -> dict[str, Any]:
    """Return the receipt of an upload, which holds only what is durable."""
    return {
        "format": RECEIPT_FORMAT,
        "sender": batch.sender,
        "batch": batch.number,
        "digest": digest.hex(),
        "count": batch.count,
        "repeated": stored.repeated,
        "high_water": stored.high_water,
        "missing": stored.missing,
    }


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """Return the body, cut off after so many bytes.

    Raises:
        DisconnectedError: If the sender went away before it was whole.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return first[:bytes_max]
    parts, size = [first], len(first)
    while size < bytes_max:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            break
    return b"".join(parts)[:bytes_max]


Headers = list[tuple[bytes, bytes]]


async def send_json(
    send: Send,
    status: int,
    document: dict[str, Any],
    headers: Headers | None = None,
    content_type: bytes = b"application/json",
) -> None:
    """Answer with a JSON document."""
    body = _encode(document)
    own = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": own + (headers or [])})
    await send({"type": "http.response.body", "body": body})


async def send_problem(
    send: Send,
    status: int,
    kind: str,
    detail: str,
    headers: Headers | None = None,
    more: dict[str, Any] | None = None,
) -> None:
    """Answer with a problem document (RFC 9457)."""
    document = problem(status, kind, detail) | (more or {})
    await send_json(send, status, document, headers, b"application/problem+json")


def problem(status: int, kind: str, detail: str) -> dict[str, Any]:
    """Return a problem document; its type is the machine's word, its title the same for people."""
    title = kind.replace("_", " ").replace("-", " ")
    return {"type": kind, "title": title, "status": status, "detail": detail}


def openapi_paths() -> dict[str, Any]:
    """Return the OpenAPI part of the intake routes, which no framework sees."""
    return {
        "/v1/batches": {"post": _operation("Upload a batch sealed with Ed25519", "uploadBatch")},
        "/v1/taps": {"post": _operation("Upload a single tap sealed with AES-CMAC", "uploadTap")},
    }


def _operation(summary: str, name: str) -> dict[str, Any]:
    receipt_schema = {
        "type": "object",
        "required": ["format", "sender", "batch", "digest", "count", "repeated", "high_water"],
        "properties": {
            "format": {"const": RECEIPT_FORMAT},
            "sender": {"type": "integer"},
            "batch": {"type": "integer"},
            "digest": {"type": "string"},
            "count": {"type": "integer"},
            "repeated": {"type": "boolean"},
            "high_water": {"type": "integer"},
            "missing": {"type": "array", "items": {"type": "integer"}},
        },
    }
    answers: dict[str, Any] = {
        "200": {
            "description": "Durable. The same bytes again get the same receipt, repeated.",
            "content": {"application/json": {"schema": receipt_schema}},
        }
    }
    by_status: dict[int, list[str]] = {503: ["intake-full", "store-failed"]}
    for reason, (status, _) in REASONS.items():
        by_status.setdefault(status, []).append(reason)
    for status, reasons in sorted(by_status.items()):
        answers[str(status)] = {
            "description": " or ".join(reasons),
            "content": {"application/problem+json": {}},
        }
    octets = {"schema": {"type": "string", "format": "binary", "maxLength": BATCH_SIZE_MAX}}
    return {
        "summary": summary,
        "operationId": name,
        "requestBody": {"required": True, "content": {"application/octet-stream": octets}},
        "responses": answers,
    }
