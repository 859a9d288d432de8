"""The pytest plugin ``ams_bridge``: runs a ``DestinationContract`` wherever a test file subclasses one.

It is loaded by pytest itself in every environment that has ams-bridge, so it does nothing for tests of others.
"""

from __future__ import annotations

import asyncio
import inspect

import pytest

pytest.register_assert_rewrite("bridge.contract.destination_contract")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a contract once for each of its kinds, those of HTTP for each kind over HTTP."""
    if not _is_contract(metafunc.cls):
        return
    for argument, kinds in (("kind", metafunc.cls.openers), ("http_kind", metafunc.cls.http_kinds)):
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


def _is_contract(test_class: object) -> bool:
    return bool(getattr(test_class, "is_destination_contract", False))
