"""A device at a terminal that does what a test says to each request it hears."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from collections.abc import Callable, Iterator

from hil.fpga.frames import Deframer, Frame, encode
from hil.fpga.regs import ANSWER

UNPLUG = None
Says = Callable[[Frame], Iterator[bytes | None]]


def answer(request: Frame, body: bytes = b"") -> bytes:
    """Return a good answer."""
    return encode(Frame(request.sequence, request.command | ANSWER, body))


class OddDevice:
    """One device; whatever `says` yields goes out, and at UNPLUG its port is gone.

    Attributes:
        path: The terminal to open.
        heard: Every good request.
    """

    def __init__(self, says: Says) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.heard: list[Frame] = []
        self._says = says
        self._out = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Unplug it, if it is not."""
        self._out.set()
        self._thread.join()

    def _serve(self) -> None:
        deframer = Deframer.of_requests()
        with contextlib.suppress(OSError):
            while not self._out.is_set():
                ready, _, _ = select.select([self._master], [], [], 0.01)
                for item in deframer.feed(os.read(self._master, 4096)) if ready else ():
                    if isinstance(item, Frame):
                        self._answer(item)
        os.close(self._master)
        os.close(self._slave)

    def _answer(self, request: Frame) -> None:
        self.heard.append(request)
        for said in self._says(request):
            if said is UNPLUG or self._out.is_set():
                self._out.set()
                return
            os.write(self._master, said)
