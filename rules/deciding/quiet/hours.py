"""``hours:`` and ``not_hours:``: named intervals within which a rule speaks, or is quiet."""

from __future__ import annotations

from rules.deciding.quiet.verdicts import Hidden
from rules.ruleset import Hours


def check_hours(hours: tuple[Hours, ...], now_us: int) -> Hidden | None:
    """The verdict of a rule's hours: why it may not speak now, or None.

    Of several ``hours`` one is enough; any one of several ``not_hours`` keeps it quiet. ``until_us`` is the next change
    of the intervals that decide, at which it has to be looked at again.
    """
    for kept_out in hours:
        if kept_out.outside and kept_out.interval.contains(now_us):
            return Hidden(f"not_hours:{kept_out.interval.name}", kept_out.interval.next_change_us(now_us))
    inside = [wanted.interval for wanted in hours if not wanted.outside]
    if not inside or any(interval.contains(now_us) for interval in inside):
        return None
    changes = [change for interval in inside if (change := interval.next_change_us(now_us)) is not None]
    return Hidden("hours:" + ",".join(interval.name for interval in inside), min(changes, default=None))
