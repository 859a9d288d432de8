"""The pytest plugin ``ams_bridge``: runs a ``DestinationContract`` or ``SourceContract`` that a test file subclasses.

It is loaded by pytest itself in every environment that has ams-bridge, so it does nothing for tests of others.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

pytest.register_assert_rewrite("bridge.contract.destination_contract", "bridge.contract.source_contract")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a contract once for each of its kinds, those of HTTP for each kind over HTTP."""
    for argument, kinds in _arguments(metafunc.cls).items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, sorted(kinds))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the coroutines of a contract on a loop of their own; all others are left to other plugins."""
    if not _is_contract(pyfuncitem.cls) or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _arguments(contract: Any) -> Mapping[str, Iterable[str]]:
    """The kinds that each argument of a contract's tests stands for."""
    if getattr(contract, "is_destination_contract", False):
        return {"kind": contract.openers, "http_kind": contract.http_kinds}
    if getattr(contract, "is_source_contract", False):
        hooks = [kind for kind in contract.plugins if kind not in contract.services]
        return {"source_kind": contract.plugins, "hook_kind": hooks, "fetch_kind": contract.services}
    return {}


def _is_contract(test_class: object) -> bool:
    return bool(_arguments(test_class))
