"""What a message costs the disk, counted in the write-ahead log: transactions, each with its fsync, and pages.

Counts vary with the code and not with the machine, so a change that makes a message dearer fails here; the figures in
docs/performance.md are measured. Lower a bound when a change makes it cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.wal import read_log
from bridge.fakes.listening import running
from bridge.fakes.webhook import FakeWebhook
from broker.model import Delivery
from tests.line.stage import Stage, a_stage

MOST_TRANSACTIONS = 3
"""Append; decide, commit and lease; settle."""
MOST_PAGES = 24
"""2 to append, 15 to decide and lease (6 of deliveries and their indexes), 6 to settle; now and then one is split."""
MOST_PAGES_OF_THIRTY = 160
RULES = """
topic: projects/P/topics/T
rules:
  - {name: hosts, key: "{{ data.host }}", text: "{{ data.host }} is {{ data.status }}", send: hook}
"""


async def cost(stage: Stage, count: int, seen: int) -> tuple[int, int] | None:
    """Transactions and pages of so many messages in one call, until each is settled; None when the log began anew."""
    store = stage.folder / "state" / "bridge.db"
    await stage.let_pass(0.0)
    before = read_log(store)
    await stage.publish(*({"host": f"host{n % 10}", "status": "DOWN", "more": "x" * 200} for n in range(count)))

    def settled(found: Sequence[Delivery]) -> bool:
        return sum(delivery.state == "delivered" for delivery in found) == seen + count

    await stage.until(settled)
    after = read_log(store)
    if after.salts != before.salts:
        return None
    return after.transactions - before.transactions, after.pages - before.pages


async def costs(stage: Stage, count: int, rounds: int) -> list[tuple[int, int]]:
    """What such a call costs, again and again, once everything is warm."""
    found, seen = [], 0
    for _ in range(rounds + 2):
        found.append(await cost(stage, count, seen))
        seen += count
    return [counts for counts in found[2:] if counts is not None]


async def test_a_lone_message_costs_its_four_transactions_and_their_pages(tmp_path: Path) -> None:
    with running(FakeWebhook()) as hook:
        async with a_stage(tmp_path, RULES, f"  hook: {{type: webhook, url: '{hook.base_url}/x'}}") as stage:
            counted = await costs(stage, 1, rounds=20)
            await stage.check_books()
    assert len(counted) > 10
    assert max(transactions for transactions, _ in counted) <= MOST_TRANSACTIONS
    assert sum(pages for _, pages in counted) / len(counted) <= MOST_PAGES


async def test_thirty_at_once_share_transactions_and_pages(tmp_path: Path) -> None:
    with running(FakeWebhook()) as hook:
        async with a_stage(tmp_path, RULES, f"  hook: {{type: webhook, url: '{hook.base_url}/x'}}") as stage:
            counted = await costs(stage, 30, rounds=8)
            await stage.check_books()
    assert counted
    assert max(pages for _, pages in counted) <= MOST_PAGES_OF_THIRTY
