-- name: get
-- One cursor.
SELECT id, offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate
FROM cursors WHERE id = ?;

-- name: revision
-- The revision of a cursor.
SELECT rev FROM cursors WHERE id = ?;

-- name: put
-- Store a cursor in place of the one before.
INSERT OR REPLACE INTO sums (topic_uid, kind, state, by, name, value, stands_for, pending_to, pending_at_us,
  messages_total, bytes_total, last_consumed_us, consume_rate)
VALUES ('', 'cursor', '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete
-- Remove a cursor.
DELETE FROM sums WHERE topic_uid = '' AND kind = 'cursor' AND name = ?;

-- name: list
-- Cursors from one id up to before another.
SELECT id, offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate
FROM cursors WHERE id >= ? AND id < ? ORDER BY id;
