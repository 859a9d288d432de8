"""Plugins: packages that add destination kinds, source kinds, filters and operators through entry points.

An entry point's name is the word people write; what it names is one of the plugin records (``bridge/plugin.py``). Which
plugins there are is read from the metadata of installed packages, once, when a word is asked for that is not built in;
a plugin's own code is imported when that word is used, or when all are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

PROMISE: Final = 1
"""The promise kept towards plugins (docs/plugins.md); it grows when something that plugins rely on changes."""
OLDEST_PROMISE: Final = 1
"""The oldest promise that is still kept."""
GROUP_PREFIX: Final = "ams_bridge."

T = TypeVar("T")


class NotAPlugin(Exception):
    """What an entry point names cannot be taken as a plugin; the text says why."""


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One plugin as ``check`` tells of it: what it adds, the package it is of, and why it cannot be used, or ""."""

    extends: str
    name: str
    package: str
    version: str
    fault: str = ""

    @property
    def origin(self) -> str:
        """The package with its version: ``rocketchat-for-ams-bridge 1.0``."""
        return f"{self.package} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class _Loaded(Generic[T]):
    """What came of importing a plugin: the entry, or None with the report's fault."""

    entry: T | None
    report: PluginReport


class Registry(Mapping[str, T]):
    """What a word in a file stands for: the built-in entries first, then those of plugins.

    ``adopt(name, plugin)`` makes an entry of what a plugin's entry point names; it raises NotAPlugin. Iterating imports
    all plugins and yields the usable ones; a look at one word imports at most the plugin of that name.
    """

    def __init__(self, extends: str, built_in: Mapping[str, T], adopt: Callable[[str, Any], T]) -> None:
        self.built_in = dict(built_in)
        self._extends = extends
        self._adopt = adopt
        self._loaded: dict[str, _Loaded[T]] = {}

    def __getitem__(self, name: str) -> T:
        """The entry of a word; KeyError when neither we nor a usable plugin has it."""
        entry = self.built_in.get(name)
        if entry is None:
            entry = self._load(name).entry if name in self._offers() else None
        if entry is None:
            raise KeyError(name)
        return entry

    def __iter__(self) -> Iterator[str]:
        """The built-in words in their order, then those of usable plugins by name."""
        yield from self.built_in
        offered = sorted(self._offers().keys() - self.built_in.keys())
        yield from (name for name in offered if self._load(name).entry is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def fault_of(self, name: str) -> str:
        """Why the word of a plugin cannot be used, with its package and what to do; "" where no plugin offers it."""
        if name in self.built_in or name not in self._offers():
            return ""
        report = self._load(name).report
        return f"{report.origin} offers it, but {report.fault}" if report.fault else ""

    def origin_of(self, name: str) -> str:
        """The package and version of the plugin that a word is of; "" for a built-in one."""
        return "" if name in self.built_in else self._load(name).report.origin

    def reports(self) -> list[PluginReport]:
        """Every plugin of this kind that is installed, usable or not."""
        return [self._load(name).report for name in sorted(self._offers())]

    def _offers(self) -> Mapping[str, tuple[EntryPoint, ...]]:
        return _entry_points(GROUP_PREFIX + self._extends)

    def _load(self, name: str) -> _Loaded[T]:
        if name not in self._loaded:
            self._loaded[name] = self._import(name, self._offers()[name])
        return self._loaded[name]

    def _import(self, name: str, points: tuple[EntryPoint, ...]) -> _Loaded[T]:
        package, version = _package_of(points[0])
        entry, fault = None, ""
        if name in self.built_in:
            fault = f'"{name}" is built in; uninstall {package}, or ask its authors for another name'
        elif len(points) > 1:
            others = ", ".join(_package_of(point)[0] for point in points[1:])
            fault = f"so does {others}; uninstall all but one of them"
        else:
            entry, fault = self._load_entry(name, points[0], package)
        return _Loaded(entry, PluginReport(self._extends, name, package, version, fault))

    def _load_entry(self, name: str, point: EntryPoint, package: str) -> tuple[T | None, str]:
        """The entry of one entry point, or why there is none. Whatever a plugin's code raises is a fault of it."""
        try:
            plugin = point.load()
            return (None, fault) if (fault := _broken_promise(plugin, package)) else (self._adopt(name, plugin), "")
        except NotAPlugin as error:
            return None, f"{error}; look for another version of {package}"
        except (Exception, SystemExit) as error:
            return None, f"it cannot be imported: {_in_a_line(error)}; mend that, or uninstall {package}"


@cache
def _entry_points(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """The entry points of a group by name; a package that stands on the path twice counts once."""
    by_group: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=group):
        by_group.setdefault(point.name, {}).setdefault(_package_of(point)[0], point)
    return {name: tuple(points[package] for package in sorted(points)) for name, points in by_group.items()}


def _package_of(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist is not None else (point.module, "")


def _broken_promise(plugin: object, package: str) -> str:
    """Why a plugin cannot be used by its promise, or ""."""
    promise = getattr(plugin, "promise", None)
    if type(promise) is not int:
        return f"what it names says no promise of ams-bridge; look for another version of {package}"
    if promise < OLDEST_PROMISE:
        return f"it was made for promise {promise}, and the oldest kept is {OLDEST_PROMISE}; install a newer {package}"
    if promise > PROMISE:
        return f"it was made for promise {promise}, and this is {PROMISE}; install a newer ams-bridge"
    return ""


def _in_a_line(error: BaseException) -> str:
    """What went wrong and the file and line it did, without a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    text = " ".join(str(error).split())[:300]
    where = f" ({Path(trace.tb_frame.f_code.co_filename).name} line {trace.tb_lineno})" if trace is not None else ""
    return f"{type(error).__name__}{f': {text}' if text else ''}{where}"
