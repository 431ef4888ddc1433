"""A clock that jumps: waiting costs nothing, and what devices do at an instant happens then."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from sim.loop import Answer, Presentation, Serve
from sim.pacer import Ticket

MS = 1_000_000
SECOND = 1_000 * MS


class JumpingClock:
    """Time as a test has it: `stalls` maps an instant to how much later a wait for it ends."""

    def __init__(self, stalls: dict[int, int] | None = None) -> None:
        self.at_ns = 0
        self.stalls = sorted((stalls or {}).items())
        self._planned: list[tuple[int, int, Callable[[int], None]]] = []

    def plan(self, at_ns: int, what: Callable[[int], None]) -> None:
        """Have something happen at an instant, which it is told."""
        heappush(self._planned, (at_ns, len(self._planned), what))

    def now_ns(self) -> int:
        """Return the instant."""
        return self.at_ns

    def wake(self) -> None:
        """Do nothing: whoever waits is woken by what happens."""

    def wait_until(self, at_ns: int) -> None:
        """Jump to the next thing that happens, at most to an instant."""
        if self._planned and self._planned[0][0] <= at_ns:
            happens_ns, _, what = heappop(self._planned)
            self.at_ns = max(self.at_ns, happens_ns)
            what(self.at_ns)
        else:
            self.at_ns = max(self.at_ns, at_ns)
        if self.stalls and self.at_ns >= self.stalls[0][0]:
            self.at_ns += self.stalls.pop(0)[1]


def rack_of(
    clock: JumpingClock,
    tap_ns: Callable[[Presentation], int],
    late_ns: Callable[[Presentation], int] = lambda _: 0,
    accepted: Callable[[Presentation], bool] = lambda _: True,
) -> Serve:
    """Return a rack that begins each tap so late, and takes so long."""

    def serve(presentation: Presentation, ticket: Ticket) -> None:
        begins_ns = clock.at_ns + late_ns(presentation)
        clock.plan(begins_ns, ticket.began)
        answer = Answer(accepted(presentation), "accepted" if accepted(presentation) else "refused")
        clock.plan(
            begins_ns + tap_ns(presentation), lambda at_ns: ticket.answered(at_ns, answer)
        )

    return serve
