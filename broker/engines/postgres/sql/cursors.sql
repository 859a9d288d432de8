-- name: get
-- One cursor.
SELECT id, at_offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate
FROM cursors WHERE id = %s;

-- name: revisions
-- The revisions of some cursors.
SELECT id, rev FROM cursors WHERE id = ANY(%s);

-- name: put
-- Store cursors in place of those before.
INSERT INTO cursors
  (id, at_offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate)
SELECT * FROM unnest(%b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[],
  %b::float8[])
ON CONFLICT (id) DO UPDATE SET at_offset = excluded.at_offset, rev = excluded.rev, pending_to = excluded.pending_to,
  pending_at_us = excluded.pending_at_us, messages_total = excluded.messages_total, bytes_total = excluded.bytes_total,
  last_consumed_us = excluded.last_consumed_us, consume_rate = excluded.consume_rate;

-- name: delete
-- Remove a cursor.
DELETE FROM cursors WHERE id = %s;

-- name: list
-- Cursors from one id up to before another.
SELECT id, at_offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us, consume_rate
FROM cursors WHERE id >= %s AND id < %s ORDER BY id;
