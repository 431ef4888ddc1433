"""What the server counts of itself, for Prometheus: one registry, cached children.

Bucket edges are the limits themselves (0.3 s is what a gate may take) and a geometric grid.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scheme.verdicts import Verdict

EDGES_S = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.018, 0.025, 0.04, 0.06, 0.1, 0.15, 0.2,
    0.3, 0.5, 0.75, 1.0, 2.0, 5.0,
)  # fmt: skip


class Metrics:
    """The counters of one instance."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._uploads = Counter(
            "jk1_uploads", "Uploads answered, by result", ["result"], registry=self.registry
        )
        self._taps = Counter(
            "jk1_taps", "Taps that have their verdict", ["verdict"], registry=self.registry
        )
        self.intake_seconds = Histogram(
            "jk1_intake_seconds",
            "From the last byte of an upload to its durable answer",
            buckets=EDGES_S,
            registry=self.registry,
        )
        self.backlog_uploads = Gauge(
            "jk1_backlog_uploads", "Uploads that have no verdict yet", registry=self.registry
        )
        self.waiting_uploads = Gauge(
            "jk1_waiting_uploads", "Uploads that wait for the disk", registry=self.registry
        )
        self.pipeline_up = Gauge(
            "jk1_pipeline_up", "1 while the pipeline process runs", registry=self.registry
        )
        self._results: dict[str, Counter] = {}
        self._counted: dict[str, int] = {}

    def count_upload(self, result: str) -> None:
        """Count one answered upload: accepted, repeated, or its reason for refusal."""
        child = self._results.get(result)
        if child is None:
            child = self._results[result] = self._uploads.labels(result)
        child.inc()

    def set_taps(self, by_verdict: dict[str, int]) -> None:
        """Bring the taps counted by verdict up to totals that the pipeline reported."""
        for verdict, total in by_verdict.items():
            more = total - self._counted.get(verdict, 0)
            if more > 0:
                self._taps.labels(verdict).inc(more)
                self._counted[verdict] = total

    def text(self) -> bytes:
        """Return every figure in Prometheus's text format."""
        return generate_latest(self.registry)


def by_name(by_code: dict[int, int]) -> dict[str, int]:
    """Return counts by verdict name."""
    return {Verdict(code).name: count for code, count in sorted(by_code.items())}
