"""The application, and the command that serves it: the port first, then the store, then the rest.

So a busy port or a store of another version leaves nothing half-written.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route

from reference_server.door import Door
from reference_server.group_commit import QueueFullError
from reference_server.intake import Intake, openapi_paths, problem
from reference_server.link import PipelineGoneError
from reference_server.routes import devices, opened, operator, operators
from reference_server.settings import Settings
from scheme.batches import Seal
from scheme.errors import BadInputError, EnvironmentFaultError, StoreError

TITLE = "Jakarta One reference clearing house"
# What the framework would measure a request with costs more than taking a single tap in.
NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
READY_FORMAT = "jakarta-one/ready/1"
PROBLEM_TYPES = {401: "not-authorised", 404: "not-found", 405: "method-not-allowed",
                 413: "oversized", 422: "bad-input"}  # fmt: skip


def create_app(settings: Settings) -> FastAPI:
    """Return the application over a store; opening its lifespan starts writer and pipeline."""
    door = Door(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await door.open()
        try:
            yield
        finally:
            await door.close()

    app = FastAPI(
        title=TITLE, lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None,
        telemetry=NO_TELEMETRY,
    )  # fmt: skip
    app.state.door = door
    parts = (door.senders, door.commits, door.clock, door.metrics)
    for path, seal in (("/v1/batches", Seal.ed25519), ("/v1/taps", Seal.cmac)):
        app.router.routes.append(Route(path, Intake(seal, *parts)))
    for router in (opened, operators, devices):
        app.include_router(router)
    app.add_api_route(
        "/openapi.json", lambda: openapi(app), dependencies=[Depends(operator)],
        include_in_schema=False,
    )  # fmt: skip
    _answer_problems(app)
    return app


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, the bare intake routes included."""
    document = app.openapi()
    document["paths"] |= openapi_paths()
    return document


def _answer_problems(app: FastAPI) -> None:
    """Let every refusal and fault of the world be a problem document, never a bare 500."""

    def answer(status: int, kind: str, detail: str) -> JSONResponse:
        headers = {"retry-after": "1"} if status == 503 else {}
        return JSONResponse(
            problem(status, kind, detail), status, headers, "application/problem+json"
        )

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kind = PROBLEM_TYPES.get(error.status_code, "refused")
        return answer(error.status_code, kind, str(error.detail))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(422, "bad-input", f"{where}: {first['msg']}")

    async def bad_input(request: Request, error: Exception) -> JSONResponse:
        return answer(409 if "stand under it" in str(error) else 422, "bad-input", str(error))

    async def full(request: Request, error: Exception) -> JSONResponse:
        return answer(503, "intake-full", str(error))

    async def failed(request: Request, error: Exception) -> JSONResponse:
        return answer(503, "store-failed", str(error))

    async def gone(request: Request, error: Exception) -> JSONResponse:
        return answer(503, "pipeline-gone", str(error))

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(BadInputError, bad_input)
    app.add_exception_handler(QueueFullError, full)
    app.add_exception_handler(StoreError, failed)
    app.add_exception_handler(PipelineGoneError, gone)


class Server(uvicorn.Server):
    """uvicorn, which on SIGTERM and Ctrl-C ends its work and returns instead of dying of them."""

    def __init__(self, config: uvicorn.Config, settings: Settings, url: str) -> None:
        super().__init__(config)
        self._settings = settings
        self._url = url

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ask for the end when told to end; put the handlers back afterwards."""

        def end(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)

        before = {n: signal.signal(n, end) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.should_exit:
            return
        token_file = self._settings.token_file
        sys.stdout.write(f"{TITLE}: {self._url}\noperator's token: {token_file}\n")
        sys.stdout.flush()
        if self._settings.ready_file is not None:
            write_ready(self._settings.ready_file, self._url, token_file)


def serve(settings: Settings) -> None:
    """Serve until told to end.

    Raises:
        EnvironmentFaultError: If the port is taken, or the store cannot be opened.
    """
    settings = replace(settings, store=settings.store.absolute())
    listening = listen(settings.host, settings.port)
    try:
        host, port = listening.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        config = uvicorn.Config(
            create_app(settings), log_level="warning", access_log=False, lifespan="on",
            server_header=False, proxy_headers=False, date_header=False,
            timeout_keep_alive=75, timeout_graceful_shutdown=10,
        )  # fmt: skip
        server = Server(config, settings, url)
        server.run(sockets=[listening])
    finally:
        listening.close()
        if settings.ready_file is not None:
            settings.ready_file.unlink(missing_ok=True)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the port, a free one for 0.

    Raises:
        EnvironmentFaultError: If it is taken or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2_048)
    except OSError as error:
        listening.close()
        raise EnvironmentFaultError(
            f"{host}:{port}: expected a free port, got {error.strerror}; give another with --port"
        ) from error
    return listening


def write_ready(path: Path, url: str, token_file: Path) -> None:
    """Write the ready file whole or not at all."""
    document = {
        "format": READY_FORMAT,
        "url": url,
        "token_file": str(token_file),
        "pid": os.getpid(),
    }
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(document))
    part.replace(path)
