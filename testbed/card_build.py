"""`card build`: the CAP file of the applets, where a vendor's Java Card SDK is present.

Compiles card_applet's applets against the SDK's own interface and has the SDK's converter make the
CAP. No SDK is in any public registry, so this was run against none so far, and no physical card has
been tried.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import testbed
from hil.shapes import APPLICATIONS
from scheme.errors import BadInputError, EnvironmentFaultError

PACKAGE = "id.jakartaone.card"
PACKAGE_AID = bytes.fromhex("F04A4B543100")
PACKAGE_VERSION = "1.0"
APPLETS = {"purse": "PurseApplet", "identity": "IdentityApplet", "SAM": "SamApplet"}
CLASS_RELEASE = "7"  # class files that converters from 3.0.5 on read
CONVERTERS = ("bin/converter", "bin/converter.sh")
TOOLS = ("lib/tools.jar",)
NONE_TRIED = "nothing was built, and no physical card has been tried"


class Sdk(NamedTuple):
    """What is used of a vendor's SDK.

    Attributes:
        converter: The command that starts its converter.
        interface: The jar with the classes `javacard.framework` and so on.
        exports: The folder of its export files.
    """

    converter: tuple[str, ...]
    interface: Path
    exports: Path


def find_sdk(folder: Path | None) -> Sdk:
    """Return what an SDK's folder holds.

    Raises:
        EnvironmentFaultError: If it is no Java Card SDK; says what is missing.
    """
    if folder is None:
        raise EnvironmentFaultError(
            "card build: expected a vendor's Java Card SDK (3.0.5 or newer) by --sdk DIR, got "
            f"none; {NONE_TRIED}"
        )
    script = _first(folder, CONVERTERS)
    tools = _first(folder, TOOLS)
    interface = _first(folder, ("lib/api_classic-3.0.5.jar", "lib/api_classic.jar"))
    exports = _first(folder, ("api_export_files_3.0.5", "api_export_files"))
    parts = {
        "bin/converter or lib/tools.jar": script or tools,
        "lib/api_classic.jar": interface,
        "api_export_files": exports,
    }
    missing = [name for name, path in parts.items() if path is None]
    if missing or interface is None or exports is None:
        raise EnvironmentFaultError(
            f"{folder}: expected a Java Card SDK, got a folder without {', '.join(missing)}; "
            f"{NONE_TRIED}"
        )
    by_class = ("java", f"-Djc.home={folder}", "-cp", str(tools), "com.sun.javacard.converter.Main")
    return Sdk((str(script),) if script else by_class, interface, exports)


def compile_arguments(sdk: Sdk, sources: Sequence[Path], classes: Path) -> list[str]:
    """Return the command that compiles the applets against the SDK's interface."""
    return [
        "javac", "-g", "-nowarn", "--release", CLASS_RELEASE, "-cp", str(sdk.interface),
        "-d", str(classes), *(str(source) for source in sources),
    ]  # fmt: skip


def convert_arguments(sdk: Sdk, classes: Path, out: Path) -> list[str]:
    """Return the command that converts class files to a CAP."""
    applets = [
        word
        for aid, name in APPLICATIONS.items()
        for word in ("-applet", _aid(aid), f"{PACKAGE}.{APPLETS[name]}")
    ]
    return [
        *sdk.converter, "-classdir", str(classes), "-exportpath", str(sdk.exports), *applets,
        "-out", "CAP", "-d", str(out), PACKAGE, _aid(PACKAGE_AID), PACKAGE_VERSION,
    ]  # fmt: skip


def build(folder: Path | None, out: Path) -> Path:
    """Return the CAP that was made under `out`.

    Raises:
        BadInputError: If `out` is there and no folder.
        EnvironmentFaultError: If SDK, compiler or sources are missing, or one of them failed.
    """
    sdk = find_sdk(folder)
    if out.exists() and not out.is_dir():
        raise BadInputError.at(str(out), expected="a folder for the CAP", got="a file")
    home = Path(testbed.__file__).parents[1] / "card_applet"
    sources = sorted((home / "src/main/java" / PACKAGE.replace(".", "/")).glob("*.java"))
    if not sources:
        raise EnvironmentFaultError(f"{home}: expected the applets, got no source; {NONE_TRIED}")
    with tempfile.TemporaryDirectory(prefix="jk1-cap-") as work:
        classes, made = Path(work, "classes"), Path(work, "cap")
        classes.mkdir()
        made.mkdir()
        _run("javac", compile_arguments(sdk, sources, classes))
        _run("the SDK's converter", convert_arguments(sdk, classes, made))
        caps = sorted(made.rglob("*.cap"))
        if not caps:
            raise EnvironmentFaultError(f"the SDK's converter: expected a CAP, got none in {made}")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(caps[0], out / "jakarta-one.cap"))


def _run(what: str, arguments: list[str]) -> None:
    try:
        ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EnvironmentFaultError(f"{what}: expected to start, got {error}") from error
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines() or ["nothing"]
        raise EnvironmentFaultError(
            f"{what}: expected to end with 0, got {ran.returncode}: {said[0]}; {NONE_TRIED}"
        )


def _aid(aid: bytes) -> str:
    return ":".join(f"0x{byte:02X}" for byte in aid)


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)
