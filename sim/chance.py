"""Chance with a name: draws keyed by (seed, domain, entity), never by worker, order or time.

Two forms. `stream` gives a NumPy generator to an entity that draws many numbers (a line, a car
park). The `keyed_…` functions give one number to each of many ids by a counter-based hash, so that
what a rider draws never depends on the other riders; they are a few integer operations an id and
do not change with the version of NumPy.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64, Steele, Lea and Flood 2014
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
UNIT = 1.0 / (1 << 53)
NORMAL_WIDTH = 65_536.0  # standard deviation of a sum of twelve 16-bit uniforms
NORMAL_MEAN = 12 * 65_535 // 2


def domain_number(domain: str) -> int:
    """Return the 64-bit number that stands for a domain's name."""
    return int.from_bytes(hashlib.blake2b(domain.encode(), digest_size=8).digest(), "big")


def stream(seed: int, domain: str, entity: int = 0) -> np.random.Generator:
    """Return the random stream of one entity; the same arguments give the same stream."""
    key = (domain_number(domain), entity)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def keyed_bits(seed: int, domain: str, ids: ArrayLike, draw: int = 0) -> NDArray[np.uint64]:
    """Return 64 random bits for each non-negative id; `draw` numbers the draws of an id."""
    text = b"%d/%d/%d" % (seed, domain_number(domain), draw)
    key = np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big"))
    counters = np.asarray(ids).astype(np.uint64)
    with np.errstate(over="ignore"):
        return _mix(_mix(counters * GOLDEN + key) ^ key)


def keyed_uniform(seed: int, domain: str, ids: ArrayLike, draw: int = 0) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each id."""
    return (keyed_bits(seed, domain, ids, draw) >> np.uint64(11)).astype(np.float64) * UNIT


def keyed_below(
    seed: int, domain: str, ids: ArrayLike, bound: ArrayLike, draw: int = 0
) -> NDArray[np.int64]:
    """Return an integer from 0 to `bound` - 1 for each id; bounds below 2**31."""
    high = (keyed_bits(seed, domain, ids, draw) >> np.uint64(33)).astype(np.int64)
    return np.asarray(high * np.asarray(bound, np.int64) >> 31, np.int64)


def keyed_choice(
    seed: int, domain: str, ids: ArrayLike, weights: ArrayLike, draw: int = 0
) -> NDArray[np.int64]:
    """Return for each id an index into `weights`, with chance in proportion to the weight."""
    edges = np.cumsum(np.asarray(weights, np.float64))
    if not (edges.size and edges[-1] > 0):
        raise ValueError(f"{domain}: expected weights with a positive sum, got {weights!r}")
    drawn = keyed_uniform(seed, domain, ids, draw) * edges[-1]
    last = int(np.flatnonzero(np.diff(edges, prepend=0.0) > 0)[-1])
    return np.asarray(np.minimum(np.searchsorted(edges, drawn, side="right"), last), np.int64)


def keyed_normal_ms(
    seed: int, domain: str, ids: ArrayLike, mean_ms: float, deviation_ms: float, draw: int = 0
) -> NDArray[np.int64]:
    """Return whole milliseconds for each id, near to normal and never beyond six deviations.

    The sum of twelve 16-bit uniforms: integers, so that every machine draws the same.
    """
    total = np.full(np.shape(ids), -NORMAL_MEAN, np.int64)
    for word in range(3):
        bits = keyed_bits(seed, domain, ids, draw * 3 + word)
        for shift in (0, 16, 32, 48):
            total = total + ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return np.asarray(np.rint(mean_ms + total * (deviation_ms / NORMAL_WIDTH)), np.int64)


def keyed_exponential_ms(
    seed: int, domain: str, ids: ArrayLike, mean_ms: float, draw: int = 0
) -> NDArray[np.int64]:
    """Return whole milliseconds for each id from the exponential distribution."""
    drawn = -np.log1p(-keyed_uniform(seed, domain, ids, draw))
    return np.asarray(np.rint(mean_ms * drawn), np.int64)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_2
    return bits ^ (bits >> np.uint64(31))
