"""What `make` relies on: locks that hold everything and name no host, and a list of packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tidy.tree import ROOT

LOCKS = ("build.lock", "run.lock", "test.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]


def locked(name: str) -> dict[str, str]:
    """Return the versions in a lock file by canonical name."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([\w.]+) \\$", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_version_has_hashes_and_no_line_names_a_host(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert len(entries) == len(locked(name))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|index-url|find-links|trusted-host|pypi", text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("run.lock", PROJECT["dependencies"]), ("test.lock", PROJECT["dependencies"] + EXTRAS)],
)
def test_a_lock_satisfies_what_the_project_asks_for(name: str, wanted: list[str]) -> None:
    versions = locked(name)
    for requirement in map(Requirement, wanted):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{name}: no {requirement.name}; do: make lock"
        assert version in requirement.specifier, f"{name}: {requirement} and {version}"


def test_both_locks_hold_the_same_versions() -> None:
    everything = locked("test.lock")
    assert {name: everything[name] for name in locked("run.lock")} == locked("run.lock")


def test_no_apt_only_prints_the_debian_packages() -> None:
    # This suite is itself run by make, which would have an inner one print its folders.
    command = ["make", "--no-print-directory", "test", "NO_APT=1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Debian packages wanted", "Not installed"]
    assert {"swig", "maven", "pcscd"} <= set(lines[0].split())


def test_make_card_without_maven_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "find").symlink_to("/usr/bin/find")
    make, stamp = shutil.which("make"), tmp_path / "card.stamp"
    assert make is not None
    ran = subprocess.run(
        [make, "card", f"CARD={stamp}"], cwd=ROOT, env={"PATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "on Debian: apt-get install maven default-jdk-headless" in ran.stderr
    assert not stamp.exists()
