import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.events.wall_times import wall_moment, wall_moment_of

ATHENS = ZoneInfo("Europe/Athens")
ZONES = st.sampled_from(["Europe/Athens", "UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])


def test_a_time_that_is_left_out_is_when_the_clock_is_set_forward():
    assert wall_moment(ATHENS, dt.date(2026, 3, 29), 3 * 60 + 30) == dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC)


def test_a_time_that_comes_twice_is_the_first_of_the_two():
    assert wall_moment(ATHENS, dt.date(2026, 10, 25), 3 * 60 + 30) == dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)


def test_the_end_of_a_day_is_the_beginning_of_the_next():
    assert wall_moment(ATHENS, dt.date(2026, 1, 5), 1440) == wall_moment(ATHENS, dt.date(2026, 1, 6), 0)


def test_a_day_that_a_zone_left_out_whole_is_one_moment():
    apia = ZoneInfo("Pacific/Apia")
    moments = {wall_moment(apia, dt.date(2011, 12, 30), minute) for minute in (0, 600, 1439)}
    assert moments == {wall_moment(apia, dt.date(2011, 12, 31), 0)}


@given(ZONES, st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2037, 1, 1)))
def test_the_clock_shows_the_time_unless_it_is_left_out_and_never_less(zone: str, wall: dt.datetime):
    wall = wall.replace(second=0, microsecond=0)
    shown = wall_moment_of(ZoneInfo(zone), wall).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown >= wall
    assert shown == wall or shown - wall <= dt.timedelta(days=1)
