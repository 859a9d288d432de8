"""What a test needs from the machine: missing at home, the test is skipped by name; missing in CI, it fails.

``CI`` in the environment (set by ``.ci/run`` and by every CI service) says which of the two this is.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def require_program(name: str, *, package: str) -> str:
    """The path of the program ``name``; when it is missing, ``package`` is the Debian package to install."""
    return shutil.which(name) or missing(name, f"apt-get install {package}")


def missing(what: str, remedy: str) -> NoReturn:
    """End the test because ``what`` is not here: skipped at home, failed in CI, with the ``remedy`` in both."""
    sentence = f"{what} is missing: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(f"{sentence} (a CI run must have it)", pytrace=False)
    pytest.skip(sentence)
