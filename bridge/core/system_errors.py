"""Errors of the system that the settings are to blame for: what they name is not there, or not ours to use."""

from __future__ import annotations

import errno
from typing import Final

_SETTINGS: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOEXEC,
        errno.ENXIO,
    }
)


def is_fault_of_settings(error: OSError | ValueError) -> bool:
    """Whether nothing will work until somebody mends the settings or what they name; a full disk is not that."""
    return error.errno in _SETTINGS if isinstance(error, OSError) else True
