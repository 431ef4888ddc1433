"""Where the shipped scenarios, tariffs and facts lie, in a checkout and in an installed copy.

A name that a person gives is looked for where they are first, and among the shipped files then.
Reads nothing but folder listings.
"""

from __future__ import annotations

from pathlib import Path

from scheme.errors import ScenarioError, TariffError

FOLDER = Path(__file__).resolve().parent


def data_folder() -> Path:
    """Return the folder of facts, tariffs, participants and card profiles."""
    return FOLDER / "data"


def scenario_path(given: Path) -> Path:
    """Return the scenario file that a person means: their own, or a shipped one by its name.

    Raises:
        ScenarioError: If there is neither; names the shipped ones.
    """
    if given.exists():
        return given
    shipped = FOLDER / f"{given.name.removesuffix('.yaml')}.yaml"
    if shipped.is_file() and given.parent in (Path(), Path("scenarios")):
        return shipped
    names = ", ".join(sorted(path.stem for path in FOLDER.glob("*.yaml") if _is_scenario(path)))
    raise ScenarioError(f"{given}: expected a scenario file or one of {names}, got no such file")


def tariff_path(given: Path) -> Path:
    """Return the folder of the tariff that a person means: their own, or a shipped one by its name.

    Raises:
        TariffError: If there is neither; names the shipped ones.
    """
    own = given.parent if given.name == "tariff.yaml" else given
    shipped = data_folder() / "tariffs"
    candidates = [own, shipped / own.name] if own.parent in (Path(), Path("tariffs")) else [own]
    for folder in candidates:
        if (folder / "tariff.yaml").is_file():
            return folder
    names = ", ".join(sorted(path.name for path in shipped.iterdir()))
    raise TariffError(f"{given}: expected a folder with a tariff.yaml or one of {names}, got none")


def rack_path(given: Path) -> Path:
    """Return the rack file that a person means: their own, or the shipped one by its name."""
    shipped = FOLDER / given.name
    return shipped if not given.exists() and given.parent == Path() and shipped.exists() else given


def _is_scenario(path: Path) -> bool:
    with path.open(encoding="utf-8") as lines:
        return lines.readline().startswith("format: jakarta-one/scenario/")
