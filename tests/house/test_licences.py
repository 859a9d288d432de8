"""No package comes along unseen, and none whose licence would bind whoever passes ams-bridge on."""

from __future__ import annotations

import re
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.licences import extras, installed_with, table, told
from tests.house.reading import ROOT

FREE = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL-2\.0|Unlicense|Public Domain|0BSD|Zlib")
BINDING = re.compile(r"(?<!L)GPL|General Public|SSPL|BUSL|Commons Clause|Proprietary", re.IGNORECASE)
OF_EXTRAS = {"postgres", "calendar"}
"""Extras that may bring what is under the LGPL: a library that stays one."""


def pinned() -> dict[str, str]:
    """The version of each package in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.partition(";")[0].strip().split("==") for line in lines if line and not line.startswith("#"))


def test_the_page_lists_what_is_installed_with_it() -> None:
    assert [row for row in table() if row not in told()] == [], "python -m tests.house.licences writes the page anew"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page is made on 3.11; others need less")
def test_the_page_lists_nothing_else() -> None:
    assert told() == table(), "python -m tests.house.licences writes the page anew"


def test_no_licence_is_binding_and_each_is_known() -> None:
    for extra, wanted in extras().items():
        for name, licence in installed_with(wanted).items():
            is_library = extra in OF_EXTRAS and "LGPL" in licence
            assert is_library or FREE.search(licence), f"{name} (extra {extra or 'none'}): {licence}"
            assert is_library or not BINDING.search(licence), f"{name} (extra {extra or 'none'}): {licence}"


def test_a_licence_that_binds_would_be_seen() -> None:
    for licence in ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later", "AGPL-3.0", "SSPL-1.0"):
        assert BINDING.search(licence)
    assert not BINDING.search("LGPL-3.0-only")


def test_every_package_that_users_get_is_pinned_within_what_it_is_asked_for() -> None:
    versions = pinned()
    for wanted in extras().values():
        assert {name for name in map(canonicalize_name, installed_with(wanted)) if name not in versions} == set()
        for requirement in map(Requirement, wanted):
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} and {version}"
