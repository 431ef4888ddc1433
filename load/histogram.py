"""A latency histogram of integer microseconds: log-linear buckets, merged by integer addition.

A value below 128 has a bucket of its own; above it every power of two is cut into 128 buckets, so
that a bucket is at most 1/128 (0.8 %) of its values wide: the geometry of HdrHistogram with a
7-bit mantissa. Merging is addition, so that the result does not depend on who merged what first.
It is no sketch and no estimate: the counts of the buckets are exact.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheme.errors import RecordError

FORMAT = "jakarta-one/histogram/1"
MANTISSA_BITS = 7
VALUE_BITS_MAX = 40  # 2**40 us are twelve days; longer than any run
BUCKET_COUNT = (VALUE_BITS_MAX - MANTISSA_BITS + 1) << MANTISSA_BITS
QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}


def bucket_of(value_us: int) -> int:
    """Return the bucket that a value from 0 falls into."""
    shift = value_us.bit_length() - MANTISSA_BITS - 1
    return value_us if shift <= 0 else (shift << MANTISSA_BITS) + (value_us >> shift)


def bucket_top(bucket: int) -> int:
    """Return the greatest value of a bucket."""
    if bucket < 2 << MANTISSA_BITS:
        return bucket
    shift = (bucket >> MANTISSA_BITS) - 1
    return ((bucket - (shift << MANTISSA_BITS) + 1) << shift) - 1


class Histogram:
    """Counts of values by bucket, with their exact sum, least and greatest.

    Values are integer microseconds from 0 to 2**40 - 1; a greater one counts in the last bucket.
    """

    __slots__ = ("counts", "max_us", "min_us", "sum_us")

    def __init__(self) -> None:
        self.counts = array("q", bytes(8 * BUCKET_COUNT))
        self.sum_us = 0
        self.min_us = -1
        self.max_us = -1

    @classmethod
    def of(cls, values_us: NDArray[np.int64]) -> Histogram:
        """Return the histogram of an array of values."""
        histogram = cls()
        histogram.record_many(values_us)
        return histogram

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return sum(self.counts)

    def record(self, value_us: int) -> None:
        """Count one value."""
        assert value_us >= 0, value_us
        self.counts[min(bucket_of(value_us), BUCKET_COUNT - 1)] += 1
        self.sum_us += value_us
        self.min_us = value_us if self.min_us < 0 else min(self.min_us, value_us)
        self.max_us = max(self.max_us, value_us)

    def record_many(self, values_us: NDArray[np.int64]) -> None:
        """Count every value of an array, as `record` would one after the other."""
        if not len(values_us):
            return
        values = np.asarray(values_us, np.int64)
        assert values.min() >= 0, values.min()
        # frexp's exponent is the bit length; exact, since no value comes near 2**53.
        bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
        shift = np.maximum(bits - MANTISSA_BITS - 1, 0)
        buckets = np.minimum((shift << MANTISSA_BITS) + (values >> shift), BUCKET_COUNT - 1)
        mine = np.frombuffer(self.counts, np.int64)
        mine += np.bincount(buckets, minlength=BUCKET_COUNT)
        least = int(values.min())
        self.min_us = least if self.min_us < 0 else min(self.min_us, least)
        self.max_us = max(self.max_us, int(values.max()))
        self.sum_us += int(values.sum())

    def merge(self, other: Histogram) -> None:
        """Add everything that another histogram counted."""
        mine = np.frombuffer(self.counts, np.int64)
        mine += np.frombuffer(other.counts, np.int64)
        self.sum_us += other.sum_us
        self.max_us = max(self.max_us, other.max_us)
        if other.min_us >= 0:
            self.min_us = other.min_us if self.min_us < 0 else min(self.min_us, other.min_us)

    def percentile(self, percent: float) -> int:
        """Return a value that at least `percent` of the values do not exceed; 0 if there is none.

        It is the top of the bucket that holds the exact percentile, so at most 0.8 % above it and
        never below it, and never above the greatest value recorded.
        """
        total = self.count
        if not total:
            return 0
        rank = max(1, -(-total * round(percent * 1_000) // 100_000))
        seen = np.cumsum(np.frombuffer(self.counts, np.int64))
        bucket = int(np.searchsorted(seen, rank))
        return min(bucket_top(bucket), self.max_us)

    def percentiles(self) -> dict[str, int]:
        """Return the percentiles that every report shows, by name."""
        return {name: self.percentile(percent) for name, percent in QUANTILES.items()}

    def document(self) -> dict[str, Any]:
        """Return the histogram as a JSON document, non-empty buckets only."""
        return {
            "format": FORMAT,
            "unit": "us",
            "mantissa_bits": MANTISSA_BITS,
            "count": self.count,
            "sum": self.sum_us,
            "min": max(self.min_us, 0),
            "max": max(self.max_us, 0),
            **self.percentiles(),
            "buckets": [[index, count] for index, count in enumerate(self.counts) if count],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Histogram:
        """Return the histogram that `document` describes.

        Raises:
            RecordError: If it is a document of another format or geometry.
        """
        got = (document.get("format"), document.get("mantissa_bits"))
        if got != (FORMAT, MANTISSA_BITS):
            raise RecordError(f"histogram: expected {(FORMAT, MANTISSA_BITS)}, got {got}")
        histogram = cls()
        for index, count in document["buckets"]:
            histogram.counts[index] = count
        if document["buckets"]:
            histogram.min_us, histogram.max_us = document["min"], document["max"]
        histogram.sum_us = document["sum"]
        return histogram
