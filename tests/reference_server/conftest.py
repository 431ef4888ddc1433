"""An office that knows the town."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference_server.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A new store with the town enrolled."""
    made = Office(tmp_path)
    made.enrol()
    yield made
    made.close()
