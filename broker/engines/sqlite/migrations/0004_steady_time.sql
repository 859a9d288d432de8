-- From here on, what is compared with the time is kept in steady time (broker/steady.py): due times and ends of leases,
-- ends of state, the first try, when something was settled or decided or last asked for. Where such a time is also shown
-- as it was told, `offset_us` is how far the wall clock was ahead of steady time then. Up to now they were the same.

ALTER TABLE progress ADD COLUMN offset_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN offset_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN offset_us INTEGER NOT NULL DEFAULT 0;

-- How far publish times of a log are ahead of steady time, from an offset on; in `logs`, at its end.
ALTER TABLE logs ADD COLUMN ahead_us INTEGER NOT NULL DEFAULT 0;
CREATE TABLE publish_offsets (
  log INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  ahead_us INTEGER NOT NULL,
  PRIMARY KEY (log, offset)
) WITHOUT ROWID;

-- What both clocks said when they were last looked at, in one row. A table of its own, so that a checkpoint of it moves no
-- page by which a file is known (companions.py).
CREATE TABLE clock_mark (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  boot INTEGER NOT NULL,
  monotonic_us INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  offset_us INTEGER NOT NULL,
  newest_us INTEGER NOT NULL
);

DROP VIEW whole_deliveries;

-- Deliveries whole, in the order of our records' fields.
CREATE VIEW whole_deliveries AS
SELECT d.id, d.origin, d.rule, d.send, d.part, d.parts, p.destination, p.order_key, p.priority, d.post, d.phase, d.key,
  d.incident, d.stands_for, d.topic_uid, d.offset, d.version, d.places, d.severity, d.due_us AS first_due_us,
  d.created_us, p.late, p.seq, p.state, p.due_us, p.attempts, p.tries, p.form, p.by, p.leased,
  p.settled_us + p.offset_us AS settled_us, p.first_tried_us, p.unclear, p.lease, p.head, p.place
FROM progress AS p JOIN deliveries AS d ON d.seq = p.seq;
