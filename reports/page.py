"""report.html: one file that needs nothing beside it, for whoever wants to see why.

No script and no font; light and dark by the reader's setting. Figures come from the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from reports.charts import latency_spectrum, latency_strip, taps_over_time
from reports.checks import Check
from reports.field_page import KIND_HEAD, field_budget, field_said, kind_rows
from reports.field_time import PHASES
from reports.flows import money_flow
from reports.picture import Picture
from scheme.money import rupiah

SCHEME_NAME = "Jakarta One scheme"
ROWS_SHOWN = 60
VERDICT_SAID = {
    "PASS": "Every tap is accounted for, and the ledger agrees with the truth to the rupiah.",
    "FAIL": "The back office did not do what the truth and the scenario ask for.",
    "INVALID": "The run took place, but it cannot be judged.",
}


def page(record: dict[str, Any], checks: Sequence[Check], picture: Picture) -> str:
    """Return the whole document."""
    parts = [
        _head(record),
        _tiles(record),
        section("Taps over time", "By service, at the instant of the tap.",
                 legend(picture.taps) + taps_over_time(picture)),
        _latency(record, picture),
        _cards(record),
        section("Money flow", "What one participant's accounts gave to another's, net of nothing; "
                 "fares pass through the scheme's hold.", money_flow(picture.flows, SCHEME_NAME)),
        section("Exceptions", _exceptions_said(record), _exceptions(record)),
        section("Services", "Records and accepted rupiah of each.", _services(record)),
        section("Checks", "Every question that the verdict answers.", _checks(checks)),
        _foot(record),
    ]  # fmt: skip
    return document(f"{record['verdict']}: {record['scenario']}", parts)


def document(title: str, parts: Iterable[str]) -> str:
    """Return a document of some parts, with the style of all pages."""
    style = (files("reports") / "page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>"
        f"<style>{style}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(record: dict[str, Any]) -> str:
    said = f"{VERDICT_SAID.get(record['verdict'], '')} Seed {record['seed']}."
    return head(record, said)


def head(record: dict[str, Any], said: str) -> str:
    """Return verdict, scenario and reasons of a record, with a sentence."""
    verdict = record["verdict"]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in record["reasons"])
    return (
        f'<header><p class="badge {verdict.lower()}">{verdict}</p><div>'
        f"<h1>{escape(str(record['scenario']))}</h1>"
        f"<p>{escape(said)}</p></div></header>"
        + (f'<ul class="reasons">{reasons}</ul>' if reasons else "")
    )


def _tiles(record: dict[str, Any]) -> str:
    refused = sum(record["refused"].values())
    tiles = [
        ("records", f"{record['accepted'] + refused:,}",
         f"{record['accepted']:,} accepted, {refused:,} refused"),
        ("unexplained", f"{record['unexplained']:,}",
         f"{sum(record['explained'].values()):,} explained by faults"),
        ("truth", rupiah(record["idr_truth"]), "the oracle's debits less loads"),
        ("ledger", rupiah(record["idr_ledger"]), "the same sum from transfers"),
        ("intended p99", _ms(record["latency_us"]["intended"]["p99"]),
         f"service p99 {_ms(record['latency_us']['service']['p99'])}"),
        ("rack", f"{record['rack']['taps'] or 0:,} taps",
         f"exchange p99 {_ms(record['rack']['p99_us'])}"),
    ]  # fmt: skip
    return '<div class="tiles">' + "".join(
        f"<div><span>{name}</span><b>{value}</b><small>{said}</small></div>"
        for name, value, said in tiles
    ) + "</div>"  # fmt: skip


def _ms(value_us: int | None) -> str:
    return "not taken" if value_us is None else f"{value_us / 1_000:,.2f} ms"


def section(title: str, said: str, body: str) -> str:
    """Return a part of a page with its title and a sentence."""
    shown = body or '<p class="none">Nothing was measured.</p>'
    return f"<section><h2>{escape(title)}</h2><p>{escape(said)}</p>{shown}</section>"


def legend(names: Iterable[str], css: str = "s") -> str:
    """Return names beside their colours."""
    return '<p class="legend">' + "".join(
        f'<span><i class="{css}{at}"></i>{escape(name)}</span>' for at, name in enumerate(names, 1)
    ) + "</p>"  # fmt: skip


def _latency(record: dict[str, Any], picture: Picture) -> str:
    rows = [
        [name, *(_ms(value) for value in record["latency_us"][name].values())]
        for name in ("service", "intended")
    ]
    said = (
        "Service time counts from the byte sent, intended latency from the instant at which the "
        f"upload was due. Driver lag p99 {_ms(record['driver_lag_us_p99'])}."
    )
    body = ""
    if picture.spectrum:
        body = (
            legend(("service", "intended"), "line") + latency_spectrum(picture)
            + table(["latency", "p50", "p95", "p99", "p99.9"], rows) + latency_strip(picture)
        )  # fmt: skip
    return section("Latency", said, body)


def _cards(record: dict[str, Any]) -> str:
    """Return which taps ran on which kind of card, and the modelled time in the field."""
    if not record["card_kinds"]:
        return ""
    figures = record["card_field"]
    body = table(KIND_HEAD, kind_rows(record), left=2)
    if figures:
        body += f"<p>{escape(field_said(figures))}</p>{legend(PHASES)}{field_budget(figures)}"
    said = "Which taps ran on which reader and card, and how long a card would lie in a field."
    return section("Cards and readers", said, body)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """Return a table whose first `left` columns are text and the others figures."""
    heads = "".join(
        f"<th{'' if at < left else ' class=n'}>{escape(h)}</th>" for at, h in enumerate(head)
    )
    lines = []
    for row in rows:
        cells = "".join(
            f"<td{'' if at < left else ' class=n'}>{escape(str(cell))}</td>"
            for at, cell in enumerate(row)
        )
        lines.append(f"<tr>{cells}</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _exceptions_said(record: dict[str, Any]) -> str:
    explained = ", ".join(f"{n:,} {name}" for name, n in record["explained"].items())
    return (
        f"{record['unexplained']:,} taps are wrong without an explanation, and "
        f"{record['following']:,} more hang on them. Explained by faults: {explained or 'none'}."
    )


def _exceptions(record: dict[str, Any]) -> str:
    refused = table(
        ["refused, by verdict", "records"], [(v, f"{n:,}") for v, n in record["refused"].items()]
    )
    wrong = record["discrepancies"][:ROWS_SHOWN]
    if not wrong:
        return refused
    rows = [
        (d["class"].replace("_", " ") + (" (follows)" if d["follows"] else ""), d["trace"],
         d["key"], d["detail"], rupiah(d["expected_idr"]), rupiah(d["got_idr"]))
        for d in wrong
    ]  # fmt: skip
    head = ["what", "trace", "key", "detail", "expected", "got"]
    return table(head, rows, left=4) + refused


def _services(record: dict[str, Any]) -> str:
    return table(
        ["service", "records", "rupiah"],
        [
            (name.replace("_", " "), f"{s['taps']:,}", rupiah(s["idr"]))
            for name, s in record["services"].items()
        ],
    )


def _checks(checks: Sequence[Check]) -> str:
    return table(
        ["", "check", "answer"],
        [
            ("✓" if check.holds else "✗", f"{check.group}: {check.name.replace('_', ' ')}",
             check.sentence or "holds")
            for check in checks
        ],
        left=3,
    )  # fmt: skip


def _foot(record: dict[str, Any]) -> str:
    return (
        f"<footer><p>Plan digest <code>{record['plan_digest']}</code><br>"
        f"Ledger hash <code>{record['ledger_hash']}</code></p>"
        "<p>Every figure here can be worked out again from the evidence beside this file: "
        "<code>jakarta-one report verify</code> does so.</p></footer>"
    )
