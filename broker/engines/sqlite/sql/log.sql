-- name: log
-- One log by its topic's uid.
SELECT id, uid, first, "end", bytes_total, upto, stored_bytes, last_publish_us, previous_publish_us, last_batch,
  created_us, gone, ahead_us
FROM whole_logs WHERE uid = ?;

-- name: create_log
-- Begin a log.
INSERT INTO logs
  (uid, first, "end", bytes_total, upto, stored_bytes, last_publish_us, previous_publish_us, last_batch, created_us)
VALUES (?, 0, 0, 0, 0, 0, 0, 0, 0, ?);

-- name: put_log
-- Write how a log stands.
UPDATE logs SET first = ?, "end" = ?, bytes_total = ?, upto = ?, stored_bytes = ?, last_publish_us = ?,
  previous_publish_us = ?, last_batch = ?, gone = ?, ahead_us = ?
WHERE id = ?;

-- name: add_message
-- Store one message.
INSERT INTO messages (id, at_us, upto, bytes_total, since_us, batch, attributes, data)
VALUES ((? << 44) + ?, ?, ?, ?, ?, ?, ?, ?);

-- name: put_ahead
-- Note how far publish times are ahead of steady time from an offset on.
INSERT OR REPLACE INTO publish_offsets (log, offset, ahead_us) VALUES (?, ?, ?);

-- name: forget_ahead
-- Forget that of messages that are gone, but for what still holds.
DELETE FROM publish_offsets WHERE log = ?1 AND offset < (
  SELECT max(offset) FROM publish_offsets WHERE log = ?1 AND offset <= ?2
);

-- name: producer_key
-- The answer that a producer key was given before.
SELECT first, count, publish_time_us FROM producer_keys WHERE log = ? AND key = ?;

-- name: put_producer_key
-- Remember the answer given to a producer key.
INSERT INTO producer_keys (log, key, first, count, publish_time_us, at_us) VALUES (?, ?, ?, ?, ?, ?);

-- name: read
-- Messages from an offset on, the log's own first one at the earliest.
SELECT m.offset, m.at_us, m.data, m.attributes
FROM logs AS l JOIN messages AS m ON m.id >= (l.id << 44) + max(?2, l.first) AND m.id < (l.id + 1) << 44
WHERE l.uid = ?1 AND l.gone = 0
ORDER BY m.id LIMIT ?3;

-- name: bounds
-- What a log holds.
SELECT first, "end", bytes_total, stored_bytes, last_publish_us, previous_publish_us, last_batch
FROM whole_logs WHERE uid = ? AND gone = 0;

-- name: topics
-- Every log that exists.
SELECT uid FROM logs WHERE gone = 0 ORDER BY uid;

-- name: probe
-- The first message at or after an offset: when it came in steady time, and the bytes up to it.
SELECT offset, at_us - coalesce((
  SELECT ahead_us FROM publish_offsets AS p WHERE p.log = m.log AND p.offset <= m.offset ORDER BY p.offset DESC LIMIT 1
), 0), upto
FROM messages AS m WHERE m.id >= (?1 << 44) + ?2 AND m.id < (?1 + 1) << 44 ORDER BY m.id LIMIT 1;

-- name: upto_before
-- The bytes up to the last message before an offset.
SELECT upto FROM messages WHERE id >= ?1 << 44 AND id < (?1 << 44) + ?2 ORDER BY id DESC LIMIT 1;

-- name: lowest
-- The lowest offset that is still stored, trimmed or not.
SELECT offset FROM messages WHERE id >= ?1 << 44 AND id < (?1 + 1) << 44 ORDER BY id LIMIT 1;

-- name: remove
-- Remove messages below an offset.
DELETE FROM messages WHERE id >= ?1 << 44 AND id < (?1 << 44) + ?2;

-- name: forget_keys
-- Forget the producer keys of a log.
DELETE FROM producer_keys WHERE log = ?;

-- name: gone_with_messages
-- Dropped logs of which messages are still stored.
SELECT id FROM logs WHERE gone = 1 AND EXISTS (
  SELECT 1 FROM messages AS m WHERE m.id >= logs.id << 44 AND m.id < (logs.id + 1) << 44
);

-- name: sweep_keys
-- Forget some producer keys older than a time.
DELETE FROM producer_keys WHERE (log, key) IN (SELECT log, key FROM producer_keys WHERE at_us < ? ORDER BY at_us LIMIT ?);
