"""What goes wrong in the chaos proof: each fault begins, may last for a while, and ends; several last at once."""

from __future__ import annotations

import random
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from broker.clock import SystemClock
from tests.line.chaos_crowd import Crowd
from tests.line.chaos_receiver import ReceiverProcess
from tests.line.process import DaemonProcess
from tests.line.stepped_clock import SteppedClock

RULES: Final = """
topic: projects/P/topics/T
rules:
  - name: all
    match: {{$.n: {{exists: true}}}}
    key: "{{{{ data.k }}}}"
    text: "{{{{ data.k }}}} {{{{ data.n }}}}"
    title: "version {version}"
    send: hook
"""
_BAD_RULES: Final = (
    "rules: [",
    "topic: projects/P/topics/T\nrules:\n  - {name: all, text: x, send: nobody}\n",
    "topic: projects/P/topics/T\nrules:\n  - {name: all, text: '{{ data.', send: hook}\n",
    "topic: projects/P/topics/NOWHERE\nrules: 7\n",
)
_DAY_S: Final = 86_400.0
_YEAR_S: Final = 365.25 * _DAY_S
_CLOCK: Final = SystemClock()


@dataclass
class Victim:
    """The daemon under proof and what is around it; ``ended_at_s`` is when its process ended, each time, monotonic."""

    folder: Path
    daemon: DaemonProcess
    receiver: ReceiverProcess
    crowd: Crowd
    clock: SteppedClock
    rng: random.Random
    has_full_disk: bool = False
    ended_at_s: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def write_good_rules(self) -> None:
        """Rules as they are, in a new version."""
        self.version += 1
        self.rules_file.write_text(RULES.format(version=self.version))

    @property
    def rules_file(self) -> Path:
        return self.folder / "rules.d" / "all.yaml"

    def pause(self, longest_s: float) -> None:
        """Let everybody go on for a while."""
        self.daemon.drain_notices()
        _CLOCK.pause(self.rng.uniform(0, longest_s))

    def end(self, how: Callable[[], object]) -> None:
        """End the daemon's process."""
        self.pause(0.3)
        how()
        self.ended_at_s.append(_CLOCK.monotonic())

    def stop(self) -> None:
        """SIGTERM; only a store that cannot be written excuses another code than 0."""
        code = self.daemon.stop()
        assert code == 0 or self.has_full_disk, f"the daemon ended with {code}"

    def any_step_s(self) -> float:
        """A step of the clock from seconds to years, either way; one beyond what a calendar bears sets it right."""
        step_s = 10 ** self.rng.uniform(0, 8.4) * self.rng.choice((-1, 1))
        return step_s if -10 * _YEAR_S < self.clock.offset_s + step_s < 40 * _YEAR_S else -self.clock.offset_s


Fault: TypeAlias = Callable[[Victim], AbstractContextManager[None]]


@contextmanager
def _killed(victim: Victim) -> Iterator[None]:
    victim.end(victim.daemon.kill)
    victim.daemon.start()
    yield


@contextmanager
def _stopped(victim: Victim) -> Iterator[None]:
    victim.end(victim.stop)
    victim.daemon.start()
    yield


@contextmanager
def _clock_set_while_down(victim: Victim) -> Iterator[None]:
    victim.end(victim.rng.choice((victim.daemon.kill, victim.stop)))
    victim.clock.step(victim.any_step_s())
    victim.daemon.start()
    yield


@contextmanager
def _dead_battery(victim: Victim) -> Iterator[None]:
    """The machine boots anew with a clock that is off by days or years, which somebody sets right while we run."""
    victim.end(victim.daemon.kill)
    victim.clock.reboot()
    step_s = victim.rng.uniform(2 * _DAY_S, 8 * _YEAR_S) * victim.rng.choice((-1, 1))
    victim.clock.step(step_s)
    victim.daemon.start()
    yield
    victim.clock.step(-step_s)


@contextmanager
def _clock_set(victim: Victim) -> Iterator[None]:
    victim.clock.step(victim.any_step_s())
    yield


@contextmanager
def _clock_set_for_a_while(victim: Victim) -> Iterator[None]:
    step_s = victim.any_step_s()
    victim.clock.step(step_s)
    yield
    victim.clock.step(-step_s)


@contextmanager
def _reloaded(victim: Victim) -> Iterator[None]:
    victim.write_good_rules()
    victim.daemon.signal(signal.SIGHUP)
    yield


@contextmanager
def _reloaded_badly(victim: Victim) -> Iterator[None]:
    victim.rules_file.write_text(victim.rng.choice(_BAD_RULES))
    victim.daemon.signal(signal.SIGHUP)
    yield
    victim.write_good_rules()
    victim.daemon.signal(signal.SIGHUP)


@contextmanager
def _frozen(victim: Victim) -> Iterator[None]:
    victim.daemon.signal(signal.SIGSTOP)
    victim.pause(1.0)
    victim.daemon.signal(signal.SIGCONT)
    yield


@contextmanager
def _crowded(victim: Victim) -> Iterator[None]:
    victim.crowd.join(victim.rng.randint(10, 60))
    yield


@contextmanager
def _full_disk(victim: Victim) -> Iterator[None]:
    """No file of the daemon grows beyond what it has, or not even that may be written."""
    _, hard = resource.prlimit(victim.daemon.pid, resource.RLIMIT_FSIZE)
    size = (victim.folder / "state" / "bridge.db").stat().st_size
    resource.prlimit(victim.daemon.pid, resource.RLIMIT_FSIZE, (victim.rng.choice((1, size)), hard))
    victim.has_full_disk = True
    yield
    resource.prlimit(victim.daemon.pid, resource.RLIMIT_FSIZE, (hard, hard))
    victim.has_full_disk = False


@contextmanager
def _nobody_listens(victim: Victim) -> Iterator[None]:
    victim.receiver.kill()
    yield
    victim.receiver.start()


@contextmanager
def _nobody_answers(victim: Victim) -> Iterator[None]:
    victim.receiver.signal(signal.SIGSTOP)
    yield
    victim.receiver.signal(signal.SIGCONT)


FAULTS: Final[dict[str, tuple[Fault, int]]] = {
    "kill": (_killed, 3),
    "stop": (_stopped, 2),
    "clock while down": (_clock_set_while_down, 2),
    "dead battery": (_dead_battery, 1),
    "clock kept": (_clock_set, 3),
    "clock for a while": (_clock_set_for_a_while, 3),
    "reload": (_reloaded, 3),
    "bad reload": (_reloaded_badly, 3),
    "freeze": (_frozen, 3),
    "crowd": (_crowded, 4),
    "full disk": (_full_disk, 3),
    "nobody listens": (_nobody_listens, 2),
    "nobody answers": (_nobody_answers, 2),
}
"""Every fault by its name, and how often it is drawn."""

_EXCLUDE_EACH_OTHER: Final = frozenset({"nobody listens", "nobody answers"})


def draw(rng: random.Random) -> list[str]:
    """One to three faults for a round, in the order in which they begin."""
    wanted = rng.choice((1, 1, 2, 2, 3))
    drawn: list[str] = []
    while len(drawn) < wanted:
        name = rng.choices(list(FAULTS), [weight for _, weight in FAULTS.values()])[0]
        if name not in drawn and not (name in _EXCLUDE_EACH_OTHER and _EXCLUDE_EACH_OTHER & set(drawn)):
            drawn.append(name)
    return drawn
