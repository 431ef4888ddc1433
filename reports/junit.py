"""junit.xml: every check of a verdict as a test case, for whoever collects those."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from reports.checks import Check


def junit(record: dict[str, Any], checks: list[Check]) -> str:
    """Return the document: a check that fails is a failure, one of validity an error."""
    failed = [check for check in checks if not check.holds]
    errors = sum(check.group == "validity" for check in failed)
    suite = ElementTree.Element(
        "testsuite",
        name=f"jakarta-one {record['scenario']}",
        tests=str(len(checks)),
        failures=str(len(failed) - errors),
        errors=str(errors),
        skipped="0",
    )
    for check in checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{record['scenario']}.{check.group}", name=check.name
        )
        if not check.holds:
            kind = "error" if check.group == "validity" else "failure"
            ElementTree.SubElement(case, kind, message=check.sentence)
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'
