"""The tables of the export: their columns, types and meanings. docs/spec/export.md prints them."""

from __future__ import annotations

from typing import NamedTuple

FORMAT = "jakarta-one/export/1"
EXPORT_FOLDER = "export"  # within the store


class Column(NamedTuple):
    """One column: its name, its Parquet type as DuckDB names it, and what it means."""

    name: str
    kind: str
    meaning: str


_KEY = Column("key", "VARCHAR", "what it belongs to: kind:issuer:card:NT")

TABLES: dict[str, tuple[Column, ...]] = {
    "taps": (
        Column("arrival", "BIGINT", "arrival number of the upload that holds it"),
        Column("sender", "UINTEGER", "sender that the upload names"),
        Column("batch", "UINTEGER", "its batch number"),
        Column("item", "USMALLINT", "place in the upload, from 0"),
        Column("recorder", "UINTEGER", "recording terminal"),
        Column("sequence", "UINTEGER", "its number of this record"),
        Column("terminal", "UINTEGER", "terminal in the card part"),
        Column("card", "UBIGINT", "card number"),
        Column("issuer", "USMALLINT", "issuing bank"),
        Column("nt", "UINTEGER", "transaction counter"),
        Column("kind", "UTINYINT", "`RecordKind`"),
        Column("purse", "UTINYINT", "purse"),
        Column("place", "USMALLINT", "place number"),
        Column("amount", "UINTEGER", "rupiah debited or loaded"),
        Column("balance", "UINTEGER", "rupiah on the purse after it"),
        Column("at_s", "UINTEGER", "seconds UTC"),
        Column("ms", "USMALLINT", "milliseconds to add"),
        Column("tariff", "USMALLINT", "tariff version the terminal held"),
        Column("hotlist", "USMALLINT", "hotlist version the terminal held"),
        Column("sam", "UINTEGER", "SAM number"),
        Column("sam_counter", "UINTEGER", "its counter"),
        Column("refusal", "UTINYINT", "the device's `Verdict`"),
        Column("flags", "UTINYINT", "`RecordFlag` bits"),
        Column("trace", "BLOB", "trace id, 12 bytes"),
        Column("verdict", "UTINYINT", "the `Verdict` that stands"),
        Column(
            "state", "VARCHAR",
            "booked: accepted; gap: accepted, waits for a missing NT; torn; none: refused",
        ),
        Column("key", "VARCHAR", "journey, stay or tap key that its money is under, or empty"),
        Column("received_us", "BIGINT", "when the upload arrived, microseconds UTC"),
        Column("booked_us", "BIGINT", "when it got its verdict, microseconds UTC"),
    ),
    "uploads": (
        Column("arrival", "BIGINT", "arrival number, in one row with operator calls"),
        Column("sender", "UINTEGER", "sender that it names, 0 if it cannot be told"),
        Column("batch", "UINTEGER", "batch number that it names"),
        Column("digest", "BLOB", "SHA-256 of header and records, empty if malformed or unproved"),
        Column("count", "UINTEGER", "records that could be told apart"),
        Column("received_us", "BIGINT", "when it arrived, microseconds UTC"),
        Column("booked_us", "BIGINT", "when its taps got their verdicts, microseconds UTC"),
        Column("result", "VARCHAR", "accepted, or the reason for refusal"),
        Column("repeats", "UINTEGER", "identical repeats that got the same receipt"),
    ),
    "transfers": (
        Column("id", "BIGINT", "order of posting; no meaning beside it"),
        _KEY,
        Column("debit", "VARCHAR", "account that gives"),
        Column("credit", "VARCHAR", "account that receives"),
        Column("amount", "BIGINT", "rupiah, above zero"),
        Column("code", "VARCHAR", "why: docs/spec/clearing.md, \"Codes\""),
        Column("operating_day", "INTEGER", "business day when it happened, days since 1970-01-01"),
        Column("window", "INTEGER", "settlement window it was posted in, from 1"),
    ),
    "journeys": (
        _KEY,
        Column("card", "UBIGINT", "card number"),
        Column("issuer", "USMALLINT", "issuing bank"),
        Column("operating_day", "INTEGER", "business day of its first tap-in; of a stay, its end"),
        Column("first_at_s", "UINTEGER", "its first second UTC"),
        Column("kind", "VARCHAR", "journey, stay or entry (unsettled, and paid)"),
        Column("state", "VARCHAR", "open or closed"),
        Column("due_idr", "BIGINT", "rupiah owed"),
        Column("charged_idr", "BIGINT", "rupiah taken, or that would have been taken"),
        Column("refund_idr", "BIGINT", "rupiah owed back"),
        Column("grp", "UTINYINT", "free group that pays, 0 if the rider does"),
    ),
    "legs": (
        _KEY,
        Column("leg", "UTINYINT", "place among the journey's counted legs, from 1"),
        Column("operator", "USMALLINT", "operator"),
        Column("own_fare_idr", "BIGINT", "what the leg costs by itself"),
        Column("share_idr", "BIGINT", "its part of what rider or group pays"),
        Column("metres", "INTEGER", "metres, 0 if it was never tapped out"),
    ),
    "positions": (
        Column("day", "INTEGER", "closed business day; 0 = posted in the window still open"),
        Column("participant", "USMALLINT", "participant number"),
        Column("idr", "BIGINT", "received minus given; all of them sum to zero"),
    ),
    "exceptions": (
        Column("arrival", "BIGINT", "arrival number of the upload, 0 if it is about none"),
        Column("item", "INTEGER", "place in the upload, -1 if it is about all of it"),
        Column("reason", "VARCHAR", "a verdict, or what else is wrong"),
        Column("amount", "BIGINT", "rupiah at risk"),
        Column("detail", "VARCHAR", "a sentence for people"),
    ),
    "accounts": (
        Column("account", "VARCHAR", "account name"),
        Column("owner", "USMALLINT", "participant whose net position it counts for"),
    ),
}  # fmt: skip
