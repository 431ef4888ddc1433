"""What is missing on this machine for a bench, in plain sentences, each with the command for it."""

from __future__ import annotations

import grp
import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hil.discovery import pcsc_readers, serial_ports
from hil.locks import lock_folder
from hil.pcscd import DRIVER, answers
from scheme.errors import EnvironmentFaultError

APPLET = Path(__file__).resolve().parents[1] / "card_applet" / "target" / "classes"
SCRIPTS = sysconfig.get_path("scripts")
EXTRA = f'{SCRIPTS}/pip install "jakarta-one-testbed[rack]"'
SERIAL_GROUP = "dialout"  # Debian's group of serial ports


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        needed_for: The readers that do not work without it.
        said: A sentence: what is there, or what is missing.
        mend: The command that mends it, empty if nothing has to be.
    """

    name: str
    well: bool
    needed_for: str
    said: str
    mend: str = ""

    def lines(self) -> list[str]:
        """Return what a person reads."""
        if self.well:
            return [f"well     {self.said}"]
        return [f"missing  {self.said} Needed for {self.needed_for}.", f"  do:    {self.mend}"]


def examine() -> list[Finding]:
    """Return everything that was looked at; changes nothing."""
    looks: list[Callable[[], Finding]] = [
        _pyscard, _pcscd, _vpcd, _pcsc_readers, _pyserial, _ports, _java, _applet, _iverilog,
        _locks,
    ]  # fmt: skip
    return [look() for look in looks]


def _pyscard() -> Finding:
    there = importlib.util.find_spec("smartcard") is not None
    said = "pyscard is installed." if there else "Python has no pyscard, which speaks to pcscd."
    mend = f"sudo apt-get install swig gcc libpcsclite-dev && {EXTRA}"
    return Finding("pyscard", there, "pcsc://", said, "" if there else mend)


def _pcscd() -> Finding:
    if answers():
        return Finding("pcscd", True, "pcsc://", "pcscd runs and answers.")
    if not shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        said, mend = "pcscd is not installed.", "sudo apt-get install pcscd"
        return Finding("pcscd", False, "pcsc://", said, mend)
    if os.geteuid() == 0:
        said = "pcscd is installed; one is started when a virtual reader is asked for."
        return Finding("pcscd", True, "pcsc://", said)
    said = "pcscd is installed and does not run, and only root may start it."
    return Finding("pcscd", False, "pcsc://", said, "sudo systemctl start pcscd")


def _vpcd() -> Finding:
    there = DRIVER.exists()
    said = "vpcd, the virtual PC/SC reader, is installed." if there else "vpcd is not installed."
    mend = "" if there else "sudo apt-get install vsmartcard-vpcd"
    return Finding("vpcd", there, "pcsc:// without hardware", said, mend)


def _pcsc_readers() -> Finding:
    names = pcsc_readers()
    if names:
        return Finding("readers", True, "pcsc://NAME", f"PC/SC readers: {', '.join(names)}.")
    said = "No PC/SC reader is plugged in." if names is not None else "No pcscd tells of readers."
    mend = "plug one in, then: jakarta-one rack scan"
    return Finding("readers", False, "pcsc://NAME", said, mend)


def _pyserial() -> Finding:
    there = importlib.util.find_spec("serial") is not None
    said = "pyserial is installed." if there else "Python has no pyserial, which opens ports."
    mend = "" if there else EXTRA
    return Finding("pyserial", there, "pn532:// and the FPGA", said, mend)


def _ports() -> Finding:
    ports, use = serial_ports(), "pn532:// and the FPGA on hardware"
    if not ports:
        said = "No serial port with a name in /dev/serial/by-id is plugged in."
        return Finding("ports", False, use, said, "plug one in, then: jakarta-one rack scan")
    closed = [port.device for port in ports if not os.access(port.device, os.R_OK | os.W_OK)]
    if not closed:
        return Finding("ports", True, use, f"{len(ports)} serial ports, all of which you may open.")
    said = f"You may not open {', '.join(map(str, closed))}."
    mend = f"sudo usermod -aG {_group_of(closed[0])} $USER, then log in again"
    return Finding("ports", False, use, said, mend)


def _group_of(device: Path) -> str:
    try:
        return grp.getgrgid(device.stat().st_gid).gr_name
    except (KeyError, OSError):
        return SERIAL_GROUP


def _java() -> Finding:
    java = shutil.which("java")
    said = f"Java is {java}." if java else "Java is not installed."
    mend = "" if java else "sudo apt-get install openjdk-17-jdk-headless maven"
    return Finding("java", java is not None, "java:// and ?card=java", said, mend)


def _applet() -> Finding:
    there = APPLET.is_dir()
    said = "The Java Card applets are built." if there else "The Java Card applets are not built."
    mend = "" if there else "make card"
    return Finding("applets", there, "java:// and ?card=java", said, mend)


def _iverilog() -> Finding:
    there = shutil.which("iverilog") and importlib.util.find_spec("cocotb")
    said = "Icarus Verilog and cocotb are installed."
    if there:
        return Finding("simulator", True, "fpga://cocotb:", said)
    said = "Icarus Verilog or cocotb is not installed."
    mend = f'sudo apt-get install iverilog && {SCRIPTS}/pip install "jakarta-one-testbed[fpga]"'
    return Finding("simulator", False, "fpga://cocotb:", said, mend)


def _locks() -> Finding:
    try:
        folder = lock_folder()
    except EnvironmentFaultError as error:
        mend = "export JAKARTA_ONE_RUNTIME=$HOME/.cache"
        return Finding("locks", False, "every device", f"No folder for locks: {error}.", mend)
    return Finding("locks", True, "every device", f"Locks lie in {folder}.")
