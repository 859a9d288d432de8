-- name: get
-- One cursor.
SELECT id, offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate
FROM cursors WHERE id = ?;

-- name: revision
-- The revision of a cursor.
SELECT rev FROM cursors WHERE id = ?;

-- name: put
-- Store a cursor in place of the one before.
INSERT OR REPLACE INTO cursors
  (id, offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete
-- Remove a cursor.
DELETE FROM cursors WHERE id = ?;

-- name: list
-- Cursors from one id up to before another.
SELECT id, offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate
FROM cursors WHERE id >= ? AND id < ? ORDER BY id;
