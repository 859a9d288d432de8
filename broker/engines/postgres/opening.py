"""Making the tables, and bringing those of an older version up to date."""

from __future__ import annotations

from importlib.resources import files

from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import ask
from broker.errors import StoreNotMade, StoreUnusable

_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_versions (version integer PRIMARY KEY);
"""


def migrations() -> list[tuple[int, str]]:
    """The numbered changes of the tables, in order."""
    migration_files = sorted(files(__package__).joinpath("migrations").iterdir(), key=lambda each: each.name)
    return [(int(each.name.partition("_")[0]), each.read_text(encoding="utf-8")) for each in migration_files]


async def prepare(db: Db, *, may_be_partial: bool = False) -> None:
    """Bring the tables up to date, one node at a time.

    Raises StoreUnusable for tables of a newer version, and for a store that is being moved here and is not whole.
    """
    known = migrations()
    if not may_be_partial:
        await _refuse_partial(db)
    if await version_of(db) == known[-1][0]:
        return
    try:
        await ask(db, "BEGIN")
        await ask(db, _VERSIONS)
        await ask(db, "LOCK TABLE schema_versions IN EXCLUSIVE MODE")
        (current,) = (await ask(db, "SELECT coalesce(max(version), 0) FROM schema_versions"))[0]
        _refuse_newer(current, known[-1][0])
        for version, text in known:
            if version > current:
                await db.execute(text)
                await ask(db, "INSERT INTO schema_versions (version) VALUES (%s)", (version,))
        await ask(db, "COMMIT")
    except BaseException:
        await db.rollback()
        raise


async def _refuse_partial(db: Db) -> None:
    """Raise StoreUnusable where ``ams-bridge migrate`` was begun and not finished."""
    (is_there,) = (await ask(db, "SELECT to_regclass('moves') IS NOT NULL"))[0]
    if is_there and await ask(db, "SELECT 1 FROM moves WHERE NOT is_finished LIMIT 1"):
        raise StoreUnusable("a store is being moved into this database; finish that with `ams-bridge migrate` first")


def _refuse_newer(current: int, known: int) -> None:
    if current > known:
        raise StoreUnusable(f"the database's tables are of version {current}, this program knows {known}; update it")


async def version_of(db: Db) -> int:
    """The version of the tables; 0 where there are none."""
    (is_there,) = (await ask(db, "SELECT to_regclass('schema_versions') IS NOT NULL"))[0]
    if not is_there:
        return 0
    version: int = (await ask(db, "SELECT coalesce(max(version), 0) FROM schema_versions"))[0][0]
    return version


async def check_version(db: Db) -> None:
    """Raise StoreUnusable where there is nothing that this program could read."""
    await _refuse_partial(db)
    current, known = await version_of(db), migrations()[-1][0]
    if not current:
        raise StoreNotMade("the database has no tables of ams-bridge; the daemon's first start makes them")
    if current != known:
        raise StoreUnusable(f"the database's tables are of version {current}, and this program reads {known}; update")
