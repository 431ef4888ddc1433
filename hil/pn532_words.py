"""The PN532's commands and status codes, for the driver and the emulator (UM0701-02, 7.1 and 7.2).

Here is also the address of the one register that both look at, and the speeds of the serial line.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

CHIP = 0x32  # GetFirmwareVersion's first byte on a PN532
BAUDS = {115_200: 4, 230_400: 5, 460_800: 6, 921_600: 7}  # to the code of SetSerialBaudrate
START_BAUD = 115_200
TARGET = 1  # the number of the only target that is ever listed
DATA_MAX = 262  # bytes that InDataExchange carries one way
MORE = 0x40  # of a status byte: the card has more to say
STATUS_BITS = 0x3F
AUTOMATIC_RATS = 0x10  # of SetParameters: a card of ISO/IEC 14443-4 is activated when it is listed
PARAMETERS = 0x14  # as they are after reset: automatic RATS, and ATR_RES


class Cmd(IntEnum):
    """A host command; its answer has the next number."""

    diagnose = 0x00
    get_firmware_version = 0x02
    get_general_status = 0x04
    read_register = 0x06
    write_register = 0x08
    set_serial_baudrate = 0x10
    set_parameters = 0x12
    sam_configuration = 0x14
    power_down = 0x16
    rf_configuration = 0x32
    in_data_exchange = 0x40
    in_communicate_thru = 0x42
    in_deselect = 0x44
    in_list_passive_target = 0x4A
    in_release = 0x52

    @property
    def title(self) -> str:
        """For example `InDataExchange`."""
        return self.name.title().replace("_", "").replace("Rf", "RF").replace("Sam", "SAM")


class Meaning(NamedTuple):
    """A status code in words.

    Attributes:
        card: Whether it says that the card was not heard, which is no fault of the bench.
    """

    words: str
    card: bool


STATUS = {
    0x01: Meaning("the card did not answer in time", True),
    0x02: Meaning("wrong CRC in the card's answer", True),
    0x03: Meaning("wrong parity in the card's answer", True),
    0x04: Meaning("wrong bit count during anticollision", True),
    0x05: Meaning("framing error in the card's answer", True),
    0x06: Meaning("bit collision", True),
    0x07: Meaning("communication buffer too small", False),
    0x09: Meaning("RF buffer overflow", False),
    0x0A: Meaning("the RF field was not switched on in time", True),
    0x0B: Meaning("the card broke the RF protocol", True),
    0x0D: Meaning("overheated, and its antenna drivers are off", False),
    0x0E: Meaning("internal buffer overflow", False),
    0x10: Meaning("invalid parameter", False),
    0x12: Meaning("command not known as a target", False),
    0x13: Meaning("data format does not match", False),
    0x14: Meaning("authentication failed", False),
    0x23: Meaning("wrong check byte of the UID", True),
    0x25: Meaning("invalid device state", False),
    0x26: Meaning("operation not allowed", False),
    0x27: Meaning("command not acceptable now; has the chip been reset?", False),
    0x29: Meaning("the card was released", True),
    0x2A: Meaning("the card is another one", True),
    0x2B: Meaning("the card disappeared", True),
    0x2C: Meaning("NFCID3 mismatch", False),
    0x2D: Meaning("over-current", False),
    0x2E: Meaning("NAD missing", False),
}  # fmt: skip
