"""What an emulated PN532 does on a command, with a card that is a program in its field.

The commands are those that we and nfcpy 1.0.4 drive one with: it lists cards of type A, exchanges
APDUs by itself (InDataExchange), or passes raw blocks through (InCommunicateThru). Any other one,
or one of a wrong length, is a syntax error. No time passes that a field or a chip would take.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter

from hil.iso_dep import DESELECT, IsoDepCard
from hil.pn532_words import AUTOMATIC_RATS, BAUDS, CHIP, PARAMETERS, TARGET, Cmd
from hil.reader import Card
from scheme.errors import CardGoneError

VERSION = bytes((CHIP, 1, 6, 7))  # version 1.6, types A and B and ISO/IEC 18092
SENS_RES, SEL_RES = bytes.fromhex("0004"), 0x20  # a UID of 4 bytes; ISO/IEC 14443-4
RANDOM_UID = 0x08  # ISO/IEC 14443-3, 6.5.4: the first byte of a UID that is drawn anew
FIFO_DATA = 0x6339
SENS_REQ = 0x26  # stays in the FIFO of a chip that nobody answered
OK, TIMEOUT, NO_TARGET = b"\x00", b"\x01", b"\x27"
NONE_FOUND = b"\x00"
TYPE_A = 0
SAM_MODES = range(1, 5)


class Firmware:
    """One chip and its field.

    Attributes:
        done: How often each command was carried out.
    """

    def __init__(self) -> None:
        self.done: Counter[Cmd] = Counter()
        self._lock = threading.Lock()  # held while a command is carried out, and to change the card
        self._registers: dict[int, int] = {}
        self._parameters = PARAMETERS
        self._field = False
        self._card: Card | None = None
        self._in_field: IsoDepCard | None = None  # the card, once it has been selected
        self._listed = False
        self._uid = b""
        self._does = {
            Cmd.diagnose: self._diagnose,
            Cmd.get_firmware_version: lambda data: None if data else VERSION,
            Cmd.get_general_status: self._general_status,
            Cmd.read_register: self._read_register,
            Cmd.write_register: self._write_register,
            Cmd.set_serial_baudrate: self._set_serial_baudrate,
            Cmd.set_parameters: self._set_parameters,
            Cmd.sam_configuration: lambda data: b"" if data and data[0] in SAM_MODES else None,
            Cmd.power_down: self._power_down,
            Cmd.rf_configuration: self._rf_configuration,
            Cmd.in_data_exchange: self._in_data_exchange,
            Cmd.in_communicate_thru: self._in_communicate_thru,
            Cmd.in_deselect: self._in_deselect,
            Cmd.in_list_passive_target: self._in_list_passive_target,
            Cmd.in_release: self._in_release,
        }

    def insert(self, card: Card) -> None:
        """Put a card into the field, in place of the one there; it has yet to be selected."""
        self.remove()
        with self._lock:
            self._card = card

    def remove(self) -> None:
        """Take the card out of the field."""
        with self._lock:
            self._power_off()
            self._card = None

    def answer(self, code: int, data: bytes) -> bytes | None:
        """Return the data of the answer to a command, or None for a syntax error."""
        try:
            cmd = Cmd(code)
        except ValueError:
            return None
        with self._lock:
            answer = self._does[cmd](data)
        if answer is not None:
            self.done[cmd] += 1
        return answer

    def _diagnose(self, data: bytes) -> bytes | None:
        tests = {0: data, 1: OK, 2: OK}  # line, ROM, RAM
        return tests.get(data[0]) if data else None

    def _general_status(self, data: bytes) -> bytes | None:
        if data:
            return None
        targets = bytes((1, TARGET, 0, 0, 0x10)) if self._listed else b"\x00"
        return bytes((0, self._field)) + targets + b"\x80"

    def _read_register(self, data: bytes) -> bytes | None:
        if not data or len(data) % 2:
            return None
        pairs = zip(data[::2], data[1::2], strict=True)
        return bytes(self._registers.get(high << 8 | low, 0) for high, low in pairs)

    def _write_register(self, data: bytes) -> bytes | None:
        if not data or len(data) % 3:
            return None
        for high, low, value in zip(data[::3], data[1::3], data[2::3], strict=True):
            self._registers[high << 8 | low] = value
        return b""

    def _set_serial_baudrate(self, data: bytes) -> bytes | None:
        return b"" if len(data) == 1 and data[0] in BAUDS.values() else None

    def _set_parameters(self, data: bytes) -> bytes | None:
        if len(data) != 1:
            return None
        self._parameters = data[0]
        return b""

    def _power_down(self, data: bytes) -> bytes | None:
        if not data:
            return None
        self._power_off()
        return OK

    def _rf_configuration(self, data: bytes) -> bytes | None:
        if len(data) < 2:
            return None
        if data[0] == 1:
            if data[1] & 1:
                self._field = True
            else:
                self._power_off()
        return b""

    def _in_data_exchange(self, data: bytes) -> bytes | None:
        if len(data) < 2:
            return None
        if not self._listed or data[0] != TARGET:
            return NO_TARGET
        if self._card is None or self._in_field is None or not self._in_field.activated:
            return TIMEOUT
        try:
            return OK + self._card.answer(data[1:])
        except CardGoneError:
            return TIMEOUT

    def _in_communicate_thru(self, data: bytes) -> bytes | None:
        if not data:
            return None
        told = self._in_field.exchange(data) if self._in_field else None
        return TIMEOUT if told is None else OK + told

    def _in_deselect(self, data: bytes) -> bytes | None:
        if len(data) != 1:
            return None
        if not self._listed:
            return NO_TARGET
        if self._in_field is not None and self._in_field.activated:
            self._in_field.exchange(bytes((DESELECT,)))
        return OK

    def _in_release(self, data: bytes) -> bytes | None:
        answer = self._in_deselect(data)
        self._listed = False
        return None if answer is None else OK

    def _in_list_passive_target(self, data: bytes) -> bytes | None:
        if len(data) < 2 or data[0] not in (1, 2):
            return None
        self._field, self._listed, wanted = True, False, data[2:]
        if data[1] != TYPE_A:
            return NONE_FOUND
        if self._card is None or (wanted and self._in_field and wanted != self._uid):
            self._registers[FIFO_DATA] = SENS_REQ
            return NONE_FOUND
        self._select(self._card)
        self._registers[FIFO_DATA] = 0
        told = bytes((1, TARGET)) + SENS_RES + bytes((SEL_RES, len(self._uid))) + self._uid
        assert self._in_field is not None
        if self._parameters & AUTOMATIC_RATS:
            told += self._in_field.activate()
        return told

    def _select(self, card: Card) -> None:
        """Select the card; one that was exchanging blocks begins anew, and keeps its UID."""
        card.reset()
        if self._in_field is None:
            self._uid = bytes((RANDOM_UID,)) + secrets.token_bytes(3)
        self._in_field, self._listed = IsoDepCard(card), True

    def _power_off(self) -> None:
        self._field = False
        if self._card is not None and self._in_field is not None:
            self._card.reset()
        self._in_field = None
