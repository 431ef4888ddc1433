"""Whole rupiah, and the two ways this scheme divides them.

There is no float here and no currency but IDR.
"""

from __future__ import annotations

from collections.abc import Sequence


def share_bps(amount_idr: int, bps: int) -> int:
    """Return `bps` ten-thousandths of an amount, rounded down to whole rupiah."""
    return amount_idr * bps // 10_000


def largest_remainder(total_idr: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights so that the parts sum to it exactly.

    Every part is first rounded down; the rupiah left over go one by one to the largest remainders,
    ties to the earlier part. All weights zero gives all parts zero and needs a total of zero.

    Source: docs/spec/fares.md R13.
    """
    whole = sum(weights)
    if whole == 0:
        assert total_idr == 0, (total_idr, weights)
        return [0] * len(weights)
    parts = [total_idr * weight // whole for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda i: (-(total_idr * weights[i] % whole), i)
    )
    for i in by_remainder[: total_idr - sum(parts)]:
        parts[i] += 1
    return parts


def rupiah(amount_idr: int) -> str:
    """Return an amount as people in Jakarta write it: Rp 14.000."""
    sign = "-" if amount_idr < 0 else ""
    return f"{sign}Rp {abs(amount_idr):,}".replace(",", ".")
