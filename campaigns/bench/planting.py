"""Copies of the tree and of the applet with one defect planted: what a campaign must find.

A defect is a patch under tests/planted; nothing in the product can be made wrong by a switch.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from campaigns.bench.result import Order
from scheme.errors import EnvironmentFaultError

ROOT = Path(__file__).resolve().parents[2]
PLANTED = ROOT / "tests" / "planted"
PACKAGES = ("scheme", "hil", "campaigns")
UNTOUCHED = (
    "card_applet", "load", "reference_server", "reports", "scenarios", "sim", "testbed",
)  # fmt: skip
APPLETS = Path("card_applet", "src", "main", "java")
BUILT = ROOT / "card_applet" / "target"
WITHIN_S = 300


def patches(kind: str) -> list[Path]:
    """Return the planted defects of a kind, sorted by name."""
    return sorted((PLANTED / kind).glob("*.patch"))


def tree_with(patch: Path, folder: Path) -> Path:
    """Return a copy of the Python tree with a patch applied; what no patch touches is shared."""
    hidden = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=hidden)
    for shared in UNTOUCHED:
        (folder / shared).symlink_to(ROOT / shared)
    _apply(patch, folder)
    return folder


def applet_with(patch: Path, folder: Path) -> Path:
    """Return a folder with the applets built with a patch applied, under the harness as it is.

    Raises:
        EnvironmentFaultError: If the applet was never built, or the compiler refuses.
    """
    if not (BUILT / "classes").is_dir() or not (BUILT / "lib").is_dir():
        raise EnvironmentFaultError(f"{BUILT}: expected the applet built, got none; do: make card")
    shutil.copytree(ROOT / APPLETS, folder / APPLETS)
    _apply(patch, folder)
    classes = folder / "target" / "classes"
    shutil.copytree(BUILT / "classes", classes)
    (folder / "target" / "lib").symlink_to(BUILT / "lib")
    sources = sorted((folder / APPLETS / "id" / "jakartaone" / "card").glob("*.java"))
    path = f"{BUILT / 'lib'}/*"
    flags = ["--release", "8", "-nowarn", "-Xlint:-options"]
    _done(["javac", *flags, "-d", str(classes), "-cp", path, *map(str, sources)], folder)
    return folder


def found_in(tree: Path, order: Order, name: str, size: int) -> bool:
    """Return whether a campaign run by the code under `tree` finds a violation.

    Raises:
        EnvironmentFaultError: If it ends otherwise than with a result.
    """
    command = [
        sys.executable, "-m", "campaigns", name, "--size", str(size),
        "--seed", str(order.seed), "--no-planted", "--json",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tree, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise EnvironmentFaultError(
            f"{name} in a copy with a planted defect: expected exit 0 or 1, "
            f"got {done.returncode}: {done.stderr[-800:]}"
        )
    return bool(json.loads(done.stdout)["violations"])


def _apply(patch: Path, folder: Path) -> None:
    _done(["git", "apply", str(patch)], folder)


def _done(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
    except FileNotFoundError as missing:
        raise EnvironmentFaultError(f"{command[0]}: not installed; see make packages") from missing
    if done.returncode:
        raise EnvironmentFaultError(f"{' '.join(command[:2])}: {done.stderr[-800:]}")
