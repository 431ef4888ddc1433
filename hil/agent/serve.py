"""The agent's process: HTTPS by a certificate, plain HTTP for callers on this machine alone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from hil.agent.app import create_app
from hil.agent.bench import AgentBench
from hil.agent.wire import is_token
from hil.rack import RackFile
from hil.rack_sections import is_loopback
from scheme.errors import BadInputError, EnvironmentFaultError

SWEEP_S = 0.5
KEEP_ALIVE_S = 75
TOKEN_LEAST = 16


def token_of(variable: str) -> str:
    """Return the token in an environment variable.

    Raises:
        BadInputError: If there is none, or one that could be guessed.
    """
    token = os.environ.get(variable, "")
    if len(token) < TOKEN_LEAST:
        got = f"{len(token)}" if token else "none"
        expected = f"a token of {TOKEN_LEAST} characters or more"
        raise BadInputError.at(f"${variable}", expected=expected, got=got)
    if not is_token(token):
        raise BadInputError.at(f"${variable}", expected="visible ASCII characters", got="others")
    return token


def make_server(
    bench: AgentBench, token: str, host: str, port: int, certificate: Path | None, key: Path | None
) -> uvicorn.Server:
    """Return the server, not started yet.

    Raises:
        BadInputError: If it would speak plain HTTP to other machines.
        EnvironmentFaultError: If certificate or key cannot be used.
    """
    if certificate is None and not is_loopback(host):
        raise BadInputError.at(
            "--host", expected="127.0.0.1, or --certificate and --key for HTTPS", got=host
        )
    config = uvicorn.Config(
        create_app(bench, token),
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_keep_alive=KEEP_ALIVE_S,
        log_level="warning",
        lifespan="off",
    )
    try:
        config.load()
    except OSError as error:
        raise EnvironmentFaultError(
            f"{certificate}: expected a certificate with its key, got {error}"
        ) from error
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises EnvironmentFaultError if it cannot."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise EnvironmentFaultError(
            f"{host}:{port}: expected an address and a port to listen at, got {error}; "
            "give others with --host and --port"
        ) from error


def serve(
    rack: RackFile,
    token: str,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    *,
    listening: Callable[[], None] = lambda: None,
) -> None:
    """Offer a rack's places until told to end; every reader is closed then.

    Args:
        listening: Called once callers can come.

    Raises:
        BadInputError: If it would speak plain HTTP to other machines.
        EnvironmentFaultError: If certificate, key, address or port cannot be used.
    """
    bench = AgentBench(rack)
    server = make_server(bench, token, host, port, certificate, key)
    door = listen(host, port)
    listening()
    ended = threading.Event()
    sweeper = threading.Thread(target=sweep, args=(bench, ended), daemon=True)
    with contextlib.closing(bench), door:
        sweeper.start()
        try:
            server.run(sockets=[door])
        finally:
            ended.set()


def sweep(bench: AgentBench, ended: threading.Event) -> None:
    """Let go of leases that have ended by themselves, until told to end."""
    while not ended.wait(SWEEP_S):
        bench.sweep()
