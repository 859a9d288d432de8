-- name: read
-- The rows of some keys that have not expired; a due timer keeps its row.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state WHERE key = ANY(%(keys)s) AND (expires_us > %(now)s OR due_us <= %(now)s);

-- name: due
-- Timers of a topic that are due, the earliest first.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state WHERE topic_uid = %s AND due_us <= %s ORDER BY due_us, key LIMIT %s;

-- name: next_due
-- When the next timer of a topic is due; one that expires before is none.
SELECT due_us FROM state
WHERE topic_uid = %(topic)s AND due_us IS NOT NULL AND (expires_us > %(now)s OR due_us <= %(now)s)
ORDER BY due_us LIMIT 1;

-- name: list
-- Rows from one key up to before another, and above a third, that have not expired.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state WHERE key >= %(first)s AND key < %(behind)s AND key > %(after)s AND (expires_us > %(now)s OR due_us <= %(now)s)
ORDER BY key LIMIT %(limit)s;

-- name: list_timed
-- The same of those that have a due time.
SELECT key, value, version, rule, topic_uid, due_us, expires_us, waits_for, offset_us
FROM state
WHERE due_us IS NOT NULL AND key >= %(first)s AND key < %(behind)s AND key > %(after)s
  AND (expires_us > %(now)s OR due_us <= %(now)s)
ORDER BY key LIMIT %(limit)s;

-- name: counts
-- How many rows each rule holds.
SELECT rule, sum(held)::int8 FROM state_counts GROUP BY rule HAVING sum(held) > 0;

-- name: standing
-- What stands of some keys, held until the transaction ends.
SELECT key, version, rule, due_us, expires_us, waits_for FROM state WHERE key = ANY(%s) ORDER BY key FOR UPDATE;

-- name: sleeping
-- What stands of rows that wait for one of some names (NULL is any) and are not due, held until the transaction ends.
SELECT key, version, rule, due_us, expires_us, waits_for FROM state
WHERE waits_for <> '' AND expires_us > %(now)s AND (due_us IS NULL OR due_us > %(now)s)
  AND (%(names)s::text[] IS NULL OR string_to_array(waits_for, chr(10)) && %(names)s::text[])
ORDER BY key FOR UPDATE;

-- name: put
-- Store rows in place of those before.
INSERT INTO state (key, version, rule, topic_uid, due_us, expires_us, value, waits_for, offset_us)
SELECT * FROM unnest(%b::text[], %b::int8[], %b::text[], %b::text[], %b::int8[], %b::int8[], %b::bytea[], %b::text[],
  %b::int8[])
ON CONFLICT (key) DO UPDATE SET version = excluded.version, rule = excluded.rule, topic_uid = excluded.topic_uid,
  due_us = excluded.due_us, expires_us = excluded.expires_us, value = excluded.value, waits_for = excluded.waits_for,
  offset_us = excluded.offset_us;

-- name: wake
-- Make rows due.
UPDATE state SET due_us = u.due_us, version = u.version
FROM unnest(%b::text[], %b::int8[], %b::int8[]) AS u (key, due_us, version) WHERE state.key = u.key;

-- name: delete
-- Remove rows.
DELETE FROM state WHERE key = ANY(%s);

-- name: expire
-- Remove some rows that have expired, and say whose they were.
DELETE FROM state WHERE key IN (
  SELECT key FROM state WHERE expires_us <= %(now)s AND (due_us IS NULL OR due_us > %(now)s)
  ORDER BY expires_us, key LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) RETURNING rule;
