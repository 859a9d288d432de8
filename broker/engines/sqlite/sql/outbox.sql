-- name: by_seq
-- One delivery by its number.
SELECT * FROM whole_deliveries WHERE seq = ?;

-- name: behind_number
-- Deliveries behind a number, oldest first.
SELECT * FROM whole_deliveries WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: by_id
-- One delivery by its id.
SELECT * FROM whole_deliveries WHERE id = ?;

-- name: add_delivery
-- Store what was decided.
INSERT INTO deliveries (seq, id, origin, rule, send, part, parts, phase, key, incident, stands_for, topic_uid, offset,
  version, places, severity, due_us, created_us, post, decision, item)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_waiting
-- Put a delivery at the end of its line; it is the head of an empty one.
INSERT INTO progress (seq, destination, order_key, priority, place, head, state, due_us, late)
VALUES (?1, ?2, ?3, ?4, ?1, NOT EXISTS (
  SELECT 1 FROM progress INDEXED BY progress_line
  WHERE state = 'waiting' AND head < 2 AND destination = ?2 AND order_key = ?3
), 'waiting', ?5, ?6);

-- name: add_settled
-- Put a delivery at its end at once: among the dead letters, or in shadow.
INSERT INTO progress (seq, destination, order_key, priority, place, head, state, due_us, late, by, settled_us, offset_us)
VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?);

-- name: highest_priority
-- The highest priority below another among the heads of a destination.
SELECT max(priority) FROM progress INDEXED BY progress_head WHERE head = 1 AND destination = ? AND priority < ?;

-- name: due
-- Heads of one priority that are due, the oldest due first.
SELECT seq, order_key, place FROM progress INDEXED BY progress_head
WHERE head = 1 AND destination = ? AND priority = ? AND due_us <= ? ORDER BY due_us, seq LIMIT ?;

-- name: behind
-- What waits in a line behind a place, from the front.
SELECT seq, due_us FROM progress INDEXED BY progress_line
WHERE state = 'waiting' AND head < 2 AND destination = ? AND order_key = ? AND place > ? ORDER BY place LIMIT ?;

-- name: lease
-- Hide deliveries until the lease ends; one whose lease was lost may have arrived.
UPDATE progress SET due_us = ?, leased = 1, lease = lease + 1, unclear = max(unclear, leased)
WHERE seq IN (SELECT value FROM json_each(?));

-- name: leased
-- Deliveries by their numbers, each behind the last receipt of its line.
SELECT r.receipt, w.* FROM whole_deliveries AS w
LEFT JOIN receipts AS r ON r.destination = w.destination AND r.order_key = w.order_key
WHERE w.seq IN (SELECT value FROM json_each(?));

-- name: keep_waiting
-- Write what changed of a delivery that goes on waiting.
UPDATE progress SET due_us = ?, leased = ?, attempts = ?, tries = ?, form = ?, first_tried_us = ?, unclear = ?
WHERE seq = ?;

-- name: change
-- Write what changed of a delivery that begins or ends waiting.
UPDATE progress SET due_us = ?, leased = ?, attempts = ?, tries = ?, form = ?, first_tried_us = ?, unclear = ?,
  state = ?, by = ?, settled_us = ?, offset_us = ?, late = ?, place = ?, head = ?, took_us = ?
WHERE seq = ?;

-- name: promote
-- Make the first of a line its head, and say whether that is leased up to behind a time.
UPDATE progress SET head = 1 WHERE seq = (
  SELECT seq FROM progress INDEXED BY progress_line
  WHERE state = 'waiting' AND head < 2 AND destination = ? AND order_key = ? ORDER BY place LIMIT 1
)
RETURNING leased AND due_us > ?;

-- name: line_is_empty
-- Whether nothing waits in a line.
SELECT NOT EXISTS (
  SELECT 1 FROM progress INDEXED BY progress_line
  WHERE state = 'waiting' AND head < 2 AND destination = ? AND order_key = ?
);

-- name: look_at_line
-- Whether nothing waits in a line, and its last receipt.
SELECT NOT EXISTS (
  SELECT 1 FROM progress INDEXED BY progress_line
  WHERE state = 'waiting' AND head < 2 AND destination = ?1 AND order_key = ?2
), (SELECT receipt FROM receipts WHERE destination = ?1 AND order_key = ?2);

-- name: add_lone
-- Put a delivery into a line where it is alone, leased from the start.
INSERT INTO progress (seq, destination, order_key, priority, place, head, state, due_us, leased, lease, late)
VALUES (?1, ?2, ?3, ?4, ?1, 2, 'waiting', ?5, 1, 1, ?6);

-- name: lone
-- All deliveries that are alone in their lines and leased from the start, and when their leases end.
SELECT name, state, value, stands_for FROM sums WHERE topic_uid = '' AND kind = 'lone';

-- name: tell_lone
-- Tell that a delivery is alone in its line.
INSERT OR REPLACE INTO sums (topic_uid, kind, by, name, state, value, stands_for) VALUES ('', 'lone', '', ?, ?, ?, ?);

-- name: forget_lone
-- Forget that a delivery is alone in its line.
DELETE FROM sums WHERE topic_uid = '' AND kind = 'lone' AND name = ? AND state = ? AND by = '';

-- name: lay_down
-- Let a delivery that is alone in its line stand there as others do.
UPDATE progress SET head = 1 WHERE seq = ? AND head = 2;

-- name: count_waiting
-- How many wait in a line from one place to another.
SELECT count(*) FROM progress INDEXED BY progress_line
WHERE state = 'waiting' AND head < 2 AND destination = ? AND order_key = ? AND place BETWEEN ? AND ?;

-- name: add_in_place
-- Put a delivery into its line at a place that becomes free.
INSERT INTO progress (seq, destination, order_key, priority, place, head, state, due_us, late)
VALUES (?, ?, ?, ?, ?, 0, 'waiting', ?, ?);

-- name: count_due
-- How many deliveries of a destination are due and not leased, counted up to a limit.
SELECT count(*) FROM (
  SELECT 1 FROM progress INDEXED BY progress_line
  WHERE state = 'waiting' AND head < 2 AND destination = ?1 AND due_us <= ?2
  UNION ALL
  SELECT 1 FROM sums WHERE topic_uid = '' AND kind = 'lone' AND name = ?1 AND stands_for <= ?2
  LIMIT ?3
);

-- name: oldest
-- When the first in place of all that wait for a destination was decided.
SELECT d.created_us FROM deliveries AS d WHERE d.seq = (
  SELECT seq FROM (
    SELECT seq, min(place) FROM (
      SELECT seq, place FROM progress INDEXED BY progress_line
      WHERE state = 'waiting' AND head < 2 AND destination = ?1
      UNION ALL
      SELECT value AS seq, value AS place FROM sums WHERE topic_uid = '' AND kind = 'lone' AND name = ?1
    )
  )
);

-- name: backlog
-- What waits for a destination, line by line, from behind a place.
SELECT * FROM whole_deliveries WHERE seq IN (
  SELECT seq FROM (
    SELECT seq FROM progress INDEXED BY progress_line
    WHERE state = 'waiting' AND head < 2 AND destination = ?1 AND (order_key, place) > (?2, ?3)
    ORDER BY order_key, place LIMIT ?4
  )
  UNION ALL
  SELECT value FROM sums WHERE topic_uid = '' AND kind = 'lone' AND name = ?1 AND (state, value) > (?2, ?3)
)
ORDER BY order_key, place LIMIT ?4;

-- name: give_back
-- End a lease without a try.
UPDATE progress SET due_us = ?1, leased = 0 WHERE seq = ?2 AND lease = ?3 AND leased = 1 AND due_us > ?1
RETURNING destination;

-- name: next_due
-- When the first head of a destination is due, each priority asked for its own.
WITH RECURSIVE levels (priority) AS (
  SELECT max(priority) FROM progress INDEXED BY progress_head WHERE head = 1 AND destination = ?1
  UNION ALL
  SELECT (SELECT max(priority) FROM progress INDEXED BY progress_head
          WHERE head = 1 AND destination = ?1 AND priority < levels.priority)
  FROM levels WHERE levels.priority IS NOT NULL
)
SELECT min(due_us) FROM (
  SELECT (SELECT min(due_us) FROM progress INDEXED BY progress_head
          WHERE head = 1 AND destination = ?1 AND priority = levels.priority) AS due_us
  FROM levels WHERE priority IS NOT NULL
  UNION ALL
  SELECT stands_for FROM sums WHERE topic_uid = '' AND kind = 'lone' AND name = ?1
);

-- name: add_attempt
-- Put a try on record.
INSERT INTO attempts (delivery, number, at_us, took_us, outcome, reason, counted, unclear, form)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: attempts
-- The tries of a delivery, oldest first.
SELECT at_us, took_us, outcome, reason, counted, unclear, form FROM tries WHERE delivery = ? ORDER BY number;

-- name: put_receipt
-- Remember the last receipt of an order key.
INSERT OR REPLACE INTO receipts (destination, order_key, receipt, at_us) VALUES (?, ?, ?, ?);

-- name: receipt
-- The last receipt of an order key.
SELECT receipt FROM receipts WHERE destination = ? AND order_key = ?;

-- name: waiting_by_topic
-- What waits for a destination, by topic.
SELECT d.topic_uid, count(*), sum(d.stands_for)
FROM progress AS p INDEXED BY progress_line JOIN deliveries AS d ON d.seq = p.seq
WHERE p.state = 'waiting' AND p.head < 2 AND p.destination = ? GROUP BY d.topic_uid;

-- name: move
-- Give all that wait for a destination to another.
UPDATE progress SET destination = ?, head = 0 WHERE state = 'waiting' AND head < 2 AND destination = ?;

-- name: clear_heads
-- Forget which deliveries of a destination are heads.
UPDATE progress SET head = 0 WHERE head = 1 AND destination = ?;

-- name: find_heads
-- Find the head of every line of a destination.
UPDATE progress SET head = 1 WHERE seq IN (
  SELECT seq FROM (
    SELECT seq, min(place) FROM progress INDEXED BY progress_line
    WHERE state = 'waiting' AND head < 2 AND destination = ? GROUP BY order_key
  )
);

-- name: balances
-- The books over everything that ever was.
SELECT topic_uid, destination, state, by, deliveries, stands_for FROM balances WHERE deliveries > 0
ORDER BY topic_uid, destination, state, by;

-- name: balances_since
-- The books over deliveries created since a time, from the last one in the index before the first that is as new.
SELECT d.topic_uid, p.destination, p.state, iif(p.state IN ('folded', 'cancelled'), '', p.by) AS booked_by, count(*),
  sum(d.stands_for)
FROM deliveries AS d JOIN progress AS p ON p.seq = d.seq
WHERE d.created_us >= ?1 AND d.seq >= coalesce((
  SELECT seq FROM deliveries
  WHERE seq % 64 = 0 AND seq < coalesce((
    SELECT min(seq) FROM deliveries INDEXED BY deliveries_created WHERE seq % 64 = 0 AND created_us >= ?1
  ), 1 << 62)
  ORDER BY seq DESC LIMIT 1
), 0)
GROUP BY d.topic_uid, p.destination, p.state, booked_by
ORDER BY d.topic_uid, p.destination, p.state, booked_by;

-- name: find_by_prefix
-- The same where the beginning of the id is given.
SELECT * FROM whole_deliveries
WHERE id >= :id_prefix AND id < :behind_ids
  AND seq < :before_seq AND (:state IS NULL OR state = :state) AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_into
-- The same where a digest is given that they were folded into or cancelled with.
SELECT * FROM whole_deliveries
WHERE by = :into AND state IN ('folded', 'cancelled')
  AND seq < :before_seq AND (:state IS NULL OR state = :state) AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_of_incident
-- The same where an incident is given.
SELECT * FROM whole_deliveries
WHERE incident = :incident AND incident <> ''
  AND seq < :before_seq AND (:state IS NULL OR state = :state) AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find
-- Deliveries that fit, newest first; NULL fits all.
SELECT * FROM whole_deliveries
WHERE seq < :before_seq AND (:state IS NULL OR state = :state) AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_between
-- The same where times are given, both of them: within those of the index that enclose them, as of balances_since.
SELECT * FROM whole_deliveries
WHERE seq >= coalesce((
  SELECT seq FROM deliveries
  WHERE seq % 64 = 0 AND seq < coalesce((
    SELECT min(seq) FROM deliveries INDEXED BY deliveries_created WHERE seq % 64 = 0 AND created_us >= :since_us
  ), 1 << 62)
  ORDER BY seq DESC LIMIT 1
), 0)
  AND seq < coalesce((
    SELECT min(seq) FROM deliveries INDEXED BY deliveries_created WHERE seq % 64 = 0 AND created_us >= :until_us
  ), 1 << 62)
  AND seq < :before_seq AND created_us >= :since_us AND created_us < :until_us
  AND (:state IS NULL OR state = :state) AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_in_line
-- The same where state is waiting, and destination and order key are given.
SELECT * FROM whole_deliveries
WHERE seq IN (
  SELECT seq FROM progress INDEXED BY progress_line
  WHERE state = 'waiting' AND head < 2 AND destination = :destination AND order_key = :order_key
  UNION ALL
  SELECT value FROM sums
  WHERE topic_uid = '' AND kind = 'lone' AND name = :destination AND state = :order_key AND by = ''
)
  AND seq < :before_seq
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:incident IS NULL OR incident = :incident)
  AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_of_message
-- The same where topic and offset are given.
SELECT * FROM whole_deliveries
WHERE seq IN (
  SELECT seq FROM deliveries
  WHERE origin > 'm/' || :topic_uid || '/' || :offset || '/' AND origin < 'm/' || :topic_uid || '/' || :offset || '0'
    AND topic_uid = :topic_uid AND offset = :offset
  UNION ALL
  SELECT seq FROM deliveries INDEXED BY deliveries_message
  WHERE topic_uid = :topic_uid AND offset = :offset
    AND instr(origin, 'm/' || topic_uid || '/' || offset || '/') <> 1
)
  AND seq < :before_seq AND (:state IS NULL OR state = :state) AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_dead
-- The same where state is dead.
SELECT * FROM whole_deliveries
WHERE state = 'dead' AND seq < :before_seq AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: find_shadow
-- The same where state is shadow.
SELECT * FROM whole_deliveries
WHERE state = 'shadow' AND seq < :before_seq AND (:destination IS NULL OR destination = :destination)
  AND (:rule IS NULL OR rule = :rule) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:offset IS NULL OR offset = :offset) AND (:order_key IS NULL OR order_key = :order_key)
  AND (:incident IS NULL OR incident = :incident) AND (:since_us IS NULL OR created_us >= :since_us)
  AND (:until_us IS NULL OR created_us < :until_us) AND (:key IS NULL OR key = :key)
ORDER BY seq DESC LIMIT :limit;

-- name: end_leases
-- End the leases that a process which is no more has left behind; what it tried may have arrived.
UPDATE progress SET leased = 0, due_us = min(due_us, ?), unclear = 1
WHERE state = 'waiting' AND head < 2 AND leased = 1;

-- name: from_the_oldest
-- Some deliveries behind a number, and whether they were settled before a time.
SELECT seq, state <> 'waiting' AND settled_us < ? FROM progress WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: settled_before
-- Which of some deliveries (a JSON array of their numbers) were settled before a time.
SELECT seq FROM progress WHERE seq IN (SELECT value FROM json_each(?)) AND state <> 'waiting' AND settled_us < ?;

-- name: remove_attempts
-- Remove the tries of a delivery.
DELETE FROM attempts WHERE delivery = ?;

-- name: remove_progress
-- Remove what became of a delivery.
DELETE FROM progress WHERE seq = ?;

-- name: remove_delivery
-- Remove what was decided.
DELETE FROM deliveries WHERE seq = ?;

-- name: sweep_receipts
-- Forget some receipts stored before a time.
DELETE FROM receipts WHERE (destination, order_key) IN (
  SELECT destination, order_key FROM receipts WHERE at_us < ? ORDER BY at_us LIMIT ?
);
