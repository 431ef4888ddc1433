"""What an FPGA is built with; the same for the RTL's parameters and for the model."""

from __future__ import annotations

from typing import NamedTuple


class Settings(NamedTuple):
    """The parameters of `rtl/rack_fpga.v`, there in capitals.

    Attributes:
        divisor: Ticks a bit of the host's line.
        build: First four bytes of the commit it was built from.
        log_bits: The event log has room for 2 ** log_bits.
        first_tick: Tick after reset; benches begin shortly before a wrap.
        count_max: Where counters stay.
    """

    divisor: int = 12
    clock_hz: int = 12_000_000
    build: int = 0
    log_bits: int = 9
    first_tick: int = 0
    count_max: int = 0xFFFF

    def parameters(self) -> dict[str, str]:
        """Return them as Verilog reads them."""
        return {name.upper(): str(number) for name, number in self._asdict().items()}
