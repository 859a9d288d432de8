-- Fewer pages change with each message. All sums stand in one table, so that one page of it changes where there were
-- four; what arrived at once, and that it was sent, is told by the delivery itself; and two indexes go that the housekeeping
-- alone used, which finds what is old by its number.

-- `kind` is balance (name: a destination; value: deliveries), counter, number (the last one given of a sequence) or rows
-- (of state, that a rule holds).
CREATE TABLE sums (
  topic_uid TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  by TEXT NOT NULL,
  value INTEGER NOT NULL,
  stands_for INTEGER NOT NULL,
  PRIMARY KEY (topic_uid, kind, name, state, by)
) WITHOUT ROWID;

INSERT INTO sums SELECT topic_uid, 'balance', destination, state, by, deliveries, stands_for FROM balances;
INSERT INTO sums SELECT topic_uid, 'counter', name, '', '', value, 0 FROM counters;
INSERT INTO sums SELECT '', 'rows', rule, '', '', rows, 0 FROM state_counts;
INSERT INTO sums SELECT '', 'number', name, '', '', value, 0 FROM numbers WHERE name NOT IN ('opened at', 'backed up at');
DELETE FROM numbers WHERE name NOT IN ('opened at', 'backed up at');
DROP TABLE balances;
DROP TABLE counters;
DROP TABLE state_counts;

CREATE VIEW balances AS
SELECT topic_uid, name AS destination, state, by, value AS deliveries, stands_for FROM sums WHERE kind = 'balance';
CREATE VIEW counters AS SELECT topic_uid, name, value FROM sums WHERE kind = 'counter';
CREATE VIEW state_counts AS SELECT name AS rule, value AS rows FROM sums WHERE topic_uid = '' AND kind = 'rows';

-- What the first try took, where that arrived and there is nothing else to say of it; below 0, tries stand in `attempts`.
ALTER TABLE progress ADD COLUMN took_us INTEGER NOT NULL DEFAULT -1;

CREATE VIEW tries AS
SELECT delivery, number, at_us, took_us, outcome, reason, counted, unclear, form FROM attempts
UNION ALL
SELECT seq, 1, first_tried_us + offset_us, took_us, 'delivered', '', 0, 0, '' FROM progress WHERE took_us >= 0;

-- That an event was sent somewhere is told by the delivery itself: `decision` is the number of that decision and `item`
-- the place of the event in its message; where `decision` is 0 a row of `decisions` tells it, if one was made.
ALTER TABLE deliveries ADD COLUMN decision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN item INTEGER NOT NULL DEFAULT 0;

CREATE VIEW whole_decisions AS
SELECT seq, topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us, version, offset_us FROM decisions
UNION ALL
SELECT d.decision, d.topic_uid, d.offset, d.item, d.rule, d.send, p.destination, d.key, 'sent', '', d.created_us,
  d.version, 0
FROM deliveries AS d JOIN progress AS p ON p.seq = d.seq WHERE d.decision > 0;

DROP INDEX progress_settled;
DROP INDEX decisions_at;
