"""The reference server as a process of its own: started, found by its ready file, stopped.

It knows no route; see `testbed.http_target`. Whatever happens in between, the process and those
that it started are gone afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scheme.errors import BadInputError, StoreError, TargetError
from testbed.cli.exits import ExitCode
from testbed.http_target import HttpTarget
from testbed.link import Link

START_S = 20.0
STOP_S = 20.0
POLL_S = 0.01


class ReferenceProcess:
    """Starts `python -m reference_server` on entering and stops it on leaving.

    Attributes:
        url: Where it listens; set while it runs.
        token: The operator's token; set while it runs.
    """

    def __init__(
        self,
        store: Path,
        arguments: Sequence[str] = (),
        port: int = 0,
        start_s: float = START_S,
        stop_s: float = STOP_S,
    ) -> None:
        self.store = store
        self.url = ""
        self.token = ""
        self._arguments = [*arguments, "--port", str(port)]
        self._start_s, self._stop_s = start_s, stop_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return once the server answers.

        Raises:
            TargetError: If it ends first, or says nothing in time; quotes its last words.
            StoreError: If its store cannot be made.
        """
        try:
            self.store.mkdir(parents=True, exist_ok=True)
            ready, log = self.store / "ready.json", self.store / "server.log"
            ready.unlink(missing_ok=True)
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command(ready), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
                )  # fmt: skip
        except OSError as error:
            raise StoreError(f"{self.store}: expected to start a server, got {error}") from error
        try:
            document = self._wait(ready, log)
            self.token = Path(document["token_file"]).read_text(encoding="utf-8").strip()
            self.url = str(document["url"])
        except BaseException:
            self.stop()
            raise

    def target(self) -> HttpTarget:
        """Return a client that carries the operator's token."""
        return HttpTarget(Link(self.url, self.token))

    def stop(self) -> None:
        """Return once the process is gone: asked first, killed with its children if it lingers."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(self._stop_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Its session may still hold a pipeline process that outlived the door.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _command(self, ready: Path) -> list[str]:
        command = [sys.executable, "-m", "reference_server"]
        return [*command, "--store", str(self.store), "--ready-file", str(ready), *self._arguments]

    def _wait(self, ready: Path, log: Path) -> dict[str, Any]:
        assert self._process is not None
        until = time.monotonic() + self._start_s
        while time.monotonic() < until:
            # The file is renamed into place whole, so that there is no half of it to read.
            if ready.is_file():
                return dict(json.loads(ready.read_text(encoding="utf-8")))
            if (code := self._process.poll()) is not None:
                raise _ended(code, last_line(log))
            time.sleep(POLL_S)
        raise TargetError(
            f"reference server: expected to answer within {self._start_s:g} s, "
            f"got nothing; its last words: {last_line(log)}"
        )


def last_line(log: Path) -> str:
    """Return the last line that says something, or `none`."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else "none"


def _ended(code: int, words: str) -> TargetError | BadInputError:
    text = words.removeprefix("jakarta-one: ")
    if code == ExitCode.usage:
        return BadInputError(text)
    return TargetError(f"reference server ended with exit code {code}: {text}")
