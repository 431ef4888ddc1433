"""The door's side of the pipeline process: starts it, wakes it, asks it, knows how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from reference_server.settings import Settings
from scheme.errors import EnvironmentFaultError

LINE_MAX = 1 << 20
GRACE_S = 20.0
RESTART_S = 1.0
ENDED = "pipeline: the process ended; it is started again, ask again"


class PipelineGoneError(EnvironmentFaultError):
    """The pipeline process is not running."""


class PipelineLink:
    """One pipeline process.

    Attributes:
        on_progress: Called with every progress report.
        arrival: Up to this arrival there are verdicts.
        late: Whether taps of a closed day wait to be priced again.
        stalled: Why the pipeline cannot go on at the moment, "" if it can.
    """

    def __init__(self, settings: Settings) -> None:
        self.on_progress: Callable[[dict[str, Any]], None] = lambda report: None
        self.arrival = 0
        self.late = False
        self.stalled = ""
        self.ready = False
        self.verdicts: dict[str, int] = {}
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closing = False
        self._moved = asyncio.Condition()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0

    async def start(self) -> None:
        """Start the process; one that ends by itself is started again until the link is closed."""
        await self._spawn()
        self._keeping = asyncio.create_task(self._keep())

    async def _spawn(self) -> None:
        settings = self._settings
        command = [sys.executable, "-m", "reference_server", "--pipeline"]
        command += ["--store", str(settings.store)]
        command += ["--chunk-bytes", str(settings.limits.chunk_bytes_max)]
        if settings.clock_epoch_ms is not None:
            command += ["--clock-epoch-ms", str(settings.clock_epoch_ms)]
            command += ["--clock-factor", repr(settings.clock_factor)]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_MAX,
            # Ctrl-C reaches the whole terminal group; the door alone decides when this one ends.
            start_new_session=True,
            cwd=Path(__file__).parent.parent,
        )

    async def _keep(self) -> None:
        while True:
            await self._listen()
            if self._closing:
                return
            sys.stderr.write("pipeline: the process ended; starting it again\n")
            await asyncio.sleep(RESTART_S)
            await self._spawn()

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    def wake(self) -> None:
        """Tell the process that something arrived."""
        self._write(b"\n")

    async def ask(self, what: str) -> dict[str, Any]:
        """Return the pipeline's answer to a question, given between two chunks.

        Raises:
            PipelineGoneError: If the process ends before it answers.
        """
        if not self.running:
            raise PipelineGoneError(ENDED)
        self._asked += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._asked] = answer
        self._write(json.dumps({"ask": what, "id": self._asked}).encode() + b"\n")
        return dict(await answer)

    async def wait_for(self, arrival: int) -> None:
        """Return once everything up to an arrival has its verdict.

        Raises:
            PipelineGoneError: If the process ends before.
        """
        async with self._moved:
            await self._moved.wait_for(
                lambda: self.arrival >= arrival or self.stalled or not self.running
            )
        if self.arrival < arrival:
            raise PipelineGoneError(self.stalled or ENDED)

    async def close(self) -> None:
        """Let the process finish its chunk and end; return when it has."""
        self._closing = True
        if self._process is None or self._keeping is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping

    def _write(self, line: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        process.stdin.write(line)

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            document = msgspec.json.decode(line)
            if "answer" in document:
                answer = self._answers.pop(document["answer"])
                if not answer.done():  # who asked may have gone away
                    answer.set_result(document["document"])
            elif "stalled" in document:
                self.stalled = document["stalled"]
                await self._notify()
            else:
                await self._progress(document)
        await self._process.wait()
        self.ready = False
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(PipelineGoneError(ENDED))
        self._answers.clear()
        await self._notify()

    async def _progress(self, report: dict[str, Any]) -> None:
        self.stalled, self.ready = "", True
        self.arrival, self.late = report["arrival"], report["late"]
        self.verdicts = report["verdicts"]
        self.on_progress(report)
        await self._notify()

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()
