"""A real server process on loopback, with a real store, and a client that speaks to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.reference_server import town

START_S = 60.0
BOOKED_S = 30.0
ROOT = Path(__file__).parents[2]


class Running:
    """One server process; `stop` it as it should be, or `kill` it as it should not."""

    def __init__(self, store: Path, arguments: Sequence[str] = ()) -> None:
        self.store = store
        ready = store.with_name(f"{store.name}.ready")
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "reference_server", "--store", str(store)]
        self.process = subprocess.Popen(
            [*command, "--ready-file", str(ready), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + START_S
        while not ready.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, "the server never answered"
            time.sleep(0.01)
        said = json.loads(ready.read_text())
        self.token_file = Path(said["token_file"])
        headers = {"authorization": f"Bearer {self.token_file.read_text().strip()}"}
        self.operator = httpx.Client(base_url=said["url"], headers=headers, timeout=60.0)
        self.anybody = httpx.Client(base_url=said["url"], timeout=60.0)

    def enrol(self) -> None:
        """Make the town known."""
        for path, body in (
            ("registry/participants", town.participants()),
            ("registry/senders", town.senders().tobytes()),
            ("registry/terminals", town.terminals().tobytes()),
            ("registry/cards", town.cards().tobytes()),
            ("registry/keys", town.keys()),
            ("tariffs/1", town.tariff()),
        ):
            answer = self.operator.post(f"/v1/{path}", content=body)
            assert answer.status_code == 200, answer.text

    def upload(self, data: bytes, path: str = "/v1/batches") -> httpx.Response:
        """Hand in an upload, which bears no token."""
        return self.anybody.post(path, content=data)

    def booked(self) -> dict[str, Any]:
        """Return the status once nothing waits for its verdict."""
        until = time.monotonic() + BOOKED_S
        while True:
            status: dict[str, Any] = self.operator.get("/v1/status").json()
            if status["backlog"] == 0:
                return status
            assert time.monotonic() < until, status
            time.sleep(0.01)

    def figures(self) -> dict[str, float]:
        """Return the figures of /metrics by name and labels."""
        lines = self.operator.get("/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def stop(self) -> int:
        """Ask the process to end, and return its exit code."""
        self._let_go()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.communicate()
        return code

    def kill(self) -> None:
        """End the process without asking."""
        self.process.kill()
        self.process.wait(30)
        self.process.communicate()
        self._let_go()

    def _let_go(self) -> None:
        self.operator.close()
        self.anybody.close()
