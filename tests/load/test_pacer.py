"""The pacer wakes once at the instant last asked for, with a timer descriptor or without."""

from __future__ import annotations

import asyncio

import pytest

from load import pacer
from load.pacer import Pacer, now_ns

MS = 1_000_000


@pytest.fixture(params=["descriptor", "loop timer"])
def timer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "loop timer":
        monkeypatch.setattr(pacer, "_timer_descriptor", lambda libc: -1)


@pytest.mark.usefixtures("timer")
@pytest.mark.parametrize(
    ("asked_ms", "woken_ms"),
    [([5], 5), ([0], 0), ([-1_000], -1_000), ([1, 8], 8), ([60_000, 4], 4)],
)
def test_it_wakes_once_and_never_before(asked_ms: list[int], woken_ms: int) -> None:
    """The last instant asked for counts; one that has passed wakes at once."""

    async def wait() -> tuple[int, int]:
        woken: asyncio.Queue[int] = asyncio.Queue()
        began = now_ns()
        watch = Pacer(asyncio.get_running_loop(), lambda: woken.put_nowait(now_ns() - began))
        for after in asked_ms:
            watch.wake_at(began + after * MS)
        first = await woken.get()
        watch.close()
        return first, woken.qsize()

    first, more = asyncio.run(wait())
    assert first >= woken_ms * MS - MS  # a loop's own timer may be a clock tick early
    assert more == 0


@pytest.mark.usefixtures("timer")
def test_a_closed_pacer_wakes_no_more() -> None:
    async def wait() -> list[int]:
        woken: list[int] = []
        watch = Pacer(asyncio.get_running_loop(), lambda: woken.append(1))
        watch.wake_at(now_ns() + MS)
        watch.close()
        other: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, other.set_result, None)
        await other
        return woken

    assert asyncio.run(wait()) == []
