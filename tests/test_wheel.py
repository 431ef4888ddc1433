"""The built wheel: what is in it, and that it works in an empty folder without the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.tidy.tree import PRODUCT, ROOT, paths

NOT_INSTALLED = ("tests", "benchmarks", "campaigns", "docs", "vectors", "examples", "card_applet")


def pip(*words: str) -> None:
    """Run pip without asking any registry."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *words], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy of what git would hold."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in paths():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name, follow_symlinks=False)
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(out), str(copy))
    return next(out.glob("jakarta_one_testbed-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of a clean environment that holds the wheel and our libraries."""
    home = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip("--python", str(home / "bin" / "python"), "install", "--no-index", "--no-deps", str(wheel))
    site = next((home / "lib").glob("python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


def names_in(wheel: Path) -> list[str]:
    """Return what the wheel would install, without its own papers."""
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if ".dist-info/" not in name]


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert tops == set(PRODUCT)
    assert not tops & set(NOT_INSTALLED)


def test_the_wheel_holds_every_file_of_the_product(wheel: Path) -> None:
    wanted = {path for path in paths() if path.split("/")[0] in PRODUCT}
    wanted -= {path for path in wanted if path.endswith(".md") and "scenarios/" not in path}
    assert sorted(wanted - set(names_in(wheel))) == []


def test_the_wheel_holds_scenarios_facts_and_the_simulated_rack(wheel: Path) -> None:
    names = set(names_in(wheel))
    assert {
        "scenarios/morning_peak.yaml",
        "scenarios/smoke.yaml",
        "scenarios/rack.fpga.yaml",
        "scenarios/rack.pcsc.yaml",
        "scenarios/rack.pn532.yaml",
        "scenarios/rack.sim.yaml",
        "scenarios/data/places.csv",
        "scenarios/data/SOURCES.md",
        "scenarios/data/tariffs/jakarta-2026/tariff.yaml",
    } <= names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--help",), "Example: jakarta-one run scenarios/morning_peak.yaml"),
        (("--version",), "jakarta-one "),
        (("tariff", "check", "jakarta-2026"), ""),
        (("city", "generate", "scenarios/smoke.yaml", "--out", "city"), "tap records"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_installed_command_works_in_an_empty_folder(
    installed: Path, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [str(installed / "jakarta-one"), *words],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert said in ran.stdout


def test_the_installed_package_brings_the_pytest_plugin(installed: Path, tmp_path: Path) -> None:
    head = "format: jakarta-one/scenario/1\nid: mine\nlevel: smoke\n"
    (tmp_path / "mine.yaml").write_text(head, encoding="utf-8")
    ran = subprocess.run(
        [str(installed / "python"), "-m", "pytest", "--collect-only", "-q", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "mine.yaml::mine" in ran.stdout
