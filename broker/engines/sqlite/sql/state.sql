-- name: read
-- The rows of some keys (a JSON array) that have not expired; a due timer keeps its row.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state WHERE key IN (SELECT value FROM json_each(?1)) AND (expires_us > ?2 OR due_us <= ?2);

-- name: due
-- Timers of a topic that are due, the earliest first.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state INDEXED BY state_due WHERE topic_uid = ? AND due_us <= ? ORDER BY due_us, key LIMIT ?;

-- name: first_timer
-- When the first timer of a topic is due, and when it expires.
SELECT due_us, expires_us FROM state INDEXED BY state_due
WHERE topic_uid = ? AND due_us IS NOT NULL ORDER BY due_us LIMIT 1;

-- name: next_due
-- When the next timer of a topic is due; one that expires before is none.
SELECT due_us FROM state INDEXED BY state_due
WHERE topic_uid = ?1 AND due_us IS NOT NULL AND (expires_us > ?2 OR due_us <= ?2) ORDER BY due_us LIMIT 1;

-- name: list
-- Rows from one key up to before another, and above a third, that have not expired.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state WHERE key >= ?1 AND key < ?2 AND key > ?5 AND (expires_us > ?3 OR due_us <= ?3) ORDER BY key LIMIT ?4;

-- name: list_timed
-- The same of those that have a due time.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state INDEXED BY state_timed
WHERE due_us IS NOT NULL AND key >= ?1 AND key < ?2 AND key > ?5 AND (expires_us > ?3 OR due_us <= ?3)
ORDER BY key LIMIT ?4;

-- name: counts
-- How many rows each rule holds.
SELECT rule, rows FROM state_counts WHERE rows > 0;

-- name: versions
-- The versions of some keys (a JSON array), and whether they have expired.
SELECT key, version, expires_us <= ?1 AND (due_us IS NULL OR due_us > ?1)
FROM state WHERE key IN (SELECT value FROM json_each(?2));

-- name: rules
-- Which rules hold some keys (a JSON array).
SELECT key, rule FROM state WHERE key IN (SELECT value FROM json_each(?));

-- name: put
-- Store a row in place of the one before.
INSERT OR REPLACE INTO state (key, version, rule, topic_uid, due_us, expires_us, value, waits_for, offset_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: sleeping
-- Rows that wait for one of some names (a JSON array; NULL is any) and are not due.
SELECT key FROM state INDEXED BY state_waits
WHERE waits_for <> '' AND expires_us > ?1 AND (due_us IS NULL OR due_us > ?1) AND (?2 IS NULL OR EXISTS (
  SELECT 1 FROM json_each(?2) AS wanted
  WHERE instr(char(10) || waits_for || char(10), char(10) || wanted.value || char(10)) > 0
))
ORDER BY key;

-- name: wake
-- Make a row due.
UPDATE state SET due_us = ?, version = ? WHERE key = ?;

-- name: delete
-- Remove a row.
DELETE FROM state WHERE key = ?;

-- name: expired
-- Some rows that have expired.
SELECT key, rule FROM state INDEXED BY state_expires
WHERE expires_us <= ?1 AND (due_us IS NULL OR due_us > ?1) ORDER BY expires_us LIMIT ?2;
