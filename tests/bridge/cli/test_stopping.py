"""Ctrl-C during a long run."""

from __future__ import annotations

import signal

import pytest

from bridge.cli.stopping import catch_interrupt


def test_the_first_one_only_asks_for_an_end() -> None:
    with catch_interrupt() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()


def test_the_second_one_ends_at_once() -> None:
    with catch_interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_second_one_ends_at_once_also_where_the_shell_had_it_ignored() -> None:
    """Shells start what runs in the background with SIGINT ignored, and so may the tests have been."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with catch_interrupt() as stopped:
            signal.raise_signal(signal.SIGINT)
            assert stopped()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_behind_the_block_everything_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with catch_interrupt():
        pass
    assert signal.getsignal(signal.SIGINT) is before
