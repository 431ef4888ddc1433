"""The PC/SC reader without hardware that the tests of readers share."""

from __future__ import annotations

import pytest

from hil.pcscd import VirtualPcsc, virtual_pcsc
from hil.readers.pcsc import names


@pytest.fixture
def pcscd() -> VirtualPcsc:
    """Return Debian's pcscd with vpcd in it; one runs until this process ends."""
    return virtual_pcsc(names)
