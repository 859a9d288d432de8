"""When a push subscription tries next."""

import pytest

from bridge.push.retry_schedule import begin
from broker.records import PushConfig

SLOW = PushConfig(type="http_endpoint", retry_type="slowstart")


def pauses(push, *cycles):
    rhythm = begin(push)
    found = [rhythm.pause_s]
    for cycle in cycles:
        rhythm = rhythm.follow_cycle(cycle)
        found.append(rhythm.pause_s)
    return found


@pytest.mark.parametrize("cycle", ["pushed", "nothing", "failed"])
def test_linear_begins_at_once_and_always_waits_its_period(cycle):
    push = PushConfig(type="http_endpoint", retry_type="linear", retry_period_ms=250)
    assert pauses(push, cycle, cycle, cycle) == [0, 0.25, 0.25, 0.25]


def test_slowstart_begins_after_a_second_and_halves_down_to_300_ms():
    assert pauses(SLOW, "pushed", "pushed", "pushed", "nothing") == [1, 0.5, 0.3, 0.3, 0.3]


def test_slowstart_doubles_with_every_failure_up_to_a_day():
    found = pauses(SLOW, *["failed"] * 20)
    assert found[:5] == [1, 2, 4, 8, 16]
    assert found[-1] == 86_400


def test_the_first_success_after_a_failure_goes_back_to_a_second():
    assert pauses(SLOW, "failed", "failed", "pushed", "pushed") == [1, 2, 4, 1, 0.5]


def test_no_message_changes_neither_good_nor_bad_standing():
    assert pauses(SLOW, "failed", "nothing", "nothing", "pushed") == [1, 2, 4, 8, 1]
    assert pauses(SLOW, "pushed", "nothing", "pushed") == [1, 0.5, 0.3, 0.3]
