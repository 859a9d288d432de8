"""A judge within the database: triggers that count writes of a worker by a session of a node that has it no longer.

They know nothing of tokens or of the program's own fences: they compare who writes (a session is named by the run of
the node that it belongs to) with who has the worker, at the moment of the write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

_TABLES = """
CREATE TABLE late_writes (worker text NOT NULL, session text NOT NULL, what text NOT NULL);
CREATE TABLE router_of (topic_uid text PRIMARY KEY, worker text NOT NULL);

CREATE FUNCTION run_of_session() RETURNS bigint LANGUAGE sql AS
$$ SELECT nullif(split_part(current_setting('application_name'), ' ', 3), '')::bigint $$;

CREATE FUNCTION judge_writer(judged text, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF judged IS NOT NULL AND NOT EXISTS (SELECT 1 FROM workers WHERE name = judged AND holder = run_of_session()) THEN
    INSERT INTO late_writes VALUES (judged, current_setting('application_name'), what);
  END IF;
END $$;

CREATE FUNCTION judge_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM judge_writer((SELECT worker FROM router_of WHERE topic_uid = NEW.topic_uid), 'a decision');
  RETURN NULL;
END $$;
CREATE TRIGGER judged AFTER INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION judge_decision();

CREATE FUNCTION judge_cursor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM judge_writer((SELECT worker FROM router_of WHERE 'r/' || topic_uid = NEW.id), 'a cursor');
  RETURN NULL;
END $$;
CREATE TRIGGER judged AFTER UPDATE ON cursors FOR EACH ROW EXECUTE FUNCTION judge_cursor();

CREATE FUNCTION judge_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM judge_writer('courier:' || NEW.destination, 'a lease');
  RETURN NULL;
END $$;
CREATE TRIGGER judged AFTER UPDATE ON progress FOR EACH ROW WHEN (NEW.lease > OLD.lease)
  EXECUTE FUNCTION judge_lease();

CREATE FUNCTION judge_settlement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT OLD.leased OR OLD.holder <> run_of_session() THEN
    INSERT INTO late_writes VALUES ('courier:' || NEW.destination, current_setting('application_name'), 'a settlement');
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER judged_too AFTER UPDATE ON progress FOR EACH ROW WHEN (NEW.attempts > OLD.attempts)
  EXECUTE FUNCTION judge_settlement();
"""


def install_judge(db: Connection, routers: Mapping[str, str]) -> None:
    """Count from now on. ``routers`` are the routers' names by the uids of their topics."""
    db.execute(_TABLES)
    for topic_uid, worker in routers.items():
        db.execute("INSERT INTO router_of VALUES (%s, %s)", (topic_uid, worker))


def late_writes(db: Connection) -> list[tuple[Any, ...]]:
    """What was written by a node that had the worker no longer: worker, session, what."""
    return db.execute("SELECT worker, session, what FROM late_writes").fetchall()


def refused_writes(db: Connection) -> int:
    """How many writes the program's fences refused, as the database counts them."""
    (refused,) = db.execute("SELECT coalesce(sum(writes), 0)::int FROM refused_writes").fetchone() or (0,)
    return int(refused)
