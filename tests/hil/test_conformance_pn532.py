"""Every case passes over the PN532's wire too, and there the one about UIDs is assessed as well."""

from __future__ import annotations

from contextlib import closing

import pytest

from hil.conformance.suite import all_cases, run
from hil.readers.pn532 import OwnPn532Reader, make


@pytest.mark.parametrize("address", ["empty", "empty?card=java"])
def test_every_case_passes_and_none_is_left_out(address: str) -> None:
    reader = make(address)
    assert isinstance(reader, OwnPn532Reader)
    with closing(reader):
        reader.open()
        report = run(reader, lambda data: reader.insert(reader.issue(data)))
    failed = [result for result in report.results if result.verdict == "FAIL"]
    assert [(one.case.id, one.expected, one.got) for one in failed] == []
    assert report.passed == len(all_cases())
    assert reader.host_commands == reader.apdus > 500
