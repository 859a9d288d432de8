"""What ams-bridge brings of others: the packages that pip installs with it, and what each allows.

``python -m tests.house.licences`` writes the table of docs/third-party.md anew.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, requires

from packaging.requirements import Requirement

from tests.house.reading import ROOT

PAGE = ROOT / "docs" / "third-party.md"
_SHORT = {
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "bsd license": "BSD",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
}


def extras() -> dict[str, list[str]]:
    """The requirements of each extra that a running service needs, and of "" those of all."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"": project["dependencies"]} | {
        name: wanted for name, wanted in project["optional-dependencies"].items() if name not in ("test", "docs")
    }


def installed_with(wanted: list[str]) -> dict[str, str]:
    """Every package that these requirements bring on this machine, by its name as its author writes it."""
    found: dict[str, str] = {}
    todo = [Requirement(one) for one in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        requirement = todo.pop()
        key = (requirement.name.lower(), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            named = metadata(requirement.name)
        except PackageNotFoundError:  # of another platform, or an extra that is not installed here
            continue
        found[named["Name"]] = licence_of(requirement.name)
        for text in requires(requirement.name) or []:
            more = Requirement(text)
            surroundings = [{"extra": extra} for extra in (*requirement.extras, "")]
            if more.marker is None or any(more.marker.evaluate(one) for one in surroundings):
                todo.append(more)
    return found


def licence_of(package: str) -> str:
    """The licence that a package's metadata names, in the short form where there is one."""
    named = metadata(package)
    classifiers = [one.rpartition(" :: ")[2] for one in named.get_all("Classifier") or [] if one.startswith("License")]
    text = named.get("License") or ""
    if not classifiers and "Redistribution and use in source and binary forms" in text:
        text = "BSD"
    said = named.get("License-Expression") or ", ".join(classifiers) or text.partition("\n")[0]
    return _SHORT.get(said.lower(), said)


def table() -> list[str]:
    """A line for each package: its name, its licence, and the extra that brings it."""
    base = installed_with(extras()[""])
    rows = {name: (licence, "") for name, licence in base.items()}
    for extra, wanted in extras().items():
        for name, licence in installed_with(wanted).items():
            rows.setdefault(name, (licence, extra))
    ordered = sorted(rows.items(), key=lambda row: row[0].lower())
    return [f"| {name} | {licence} | {extra or '-'} |" for name, (licence, extra) in ordered]


def told() -> list[str]:
    """The rows of the page."""
    return re.findall(r"^\| (?!Package|---).*\|$", PAGE.read_text(), flags=re.MULTILINE)


if __name__ == "__main__":
    head = PAGE.read_text().partition("| Package |")[0]
    rows = "\n".join(["| Package | Licence | Extra |", "|---|---|---|", *table()])
    PAGE.write_text(f"{head}{rows}\n")
