-- name: create_logs
-- Begin logs that are not there yet.
INSERT INTO logs (uid, created_us) SELECT uid, %s FROM unnest(%s::text[]) AS wanted (uid) ORDER BY uid
ON CONFLICT (uid) DO NOTHING;

-- name: lock_logs
-- Some logs by their topics' uids, held until the transaction ends: who appends to one numbers its messages alone. Last
-- comes the slab that is open.
SELECT id, uid, first_offset, end_offset, bytes_total, upto, stored_bytes, last_publish_us, previous_publish_us,
  last_batch, created_us, gone, ahead_us, slab,
  coalesce((SELECT s.slab FROM slabs AS s WHERE s.opens_us IS NOT NULL ORDER BY s.slab DESC LIMIT 1), 0)
FROM logs WHERE uid = ANY(%s) ORDER BY uid FOR UPDATE;

-- name: log
-- One log by its topic's uid.
SELECT id, uid, first_offset, end_offset, bytes_total, upto, stored_bytes, last_publish_us, previous_publish_us,
  last_batch, created_us, gone, ahead_us
FROM logs WHERE uid = %s;

-- name: put_logs
-- Write what changed of some logs.
UPDATE logs SET first_offset = u.first_offset, end_offset = u.end_offset, bytes_total = u.bytes_total, upto = u.upto,
  stored_bytes = u.stored_bytes, last_publish_us = u.last_publish_us, previous_publish_us = u.previous_publish_us,
  last_batch = u.last_batch, gone = u.gone, ahead_us = u.ahead_us, slab = u.slab
FROM unnest(%b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::int8[],
  %b::bool[], %b::int8[], %b::int8[])
  AS u (id, first_offset, end_offset, bytes_total, upto, stored_bytes, last_publish_us, previous_publish_us, last_batch,
  gone, ahead_us, slab)
WHERE logs.id = u.id;

-- name: add_messages
-- Store messages.
INSERT INTO messages (log, msg_offset, at_us, upto, data, attributes)
SELECT * FROM unnest(%b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::text[], %b::bytea[]);

-- name: put_aheads
-- Note how far publish times are ahead of steady time from an offset on.
INSERT INTO publish_offsets (log, msg_offset, ahead_us) SELECT * FROM unnest(%b::int8[], %b::int8[], %b::int8[])
ON CONFLICT (log, msg_offset) DO UPDATE SET ahead_us = excluded.ahead_us;

-- name: forget_ahead
-- Forget that of messages that are gone, but for what still holds.
DELETE FROM publish_offsets WHERE log = %(log)s AND msg_offset < (
  SELECT max(msg_offset) FROM publish_offsets WHERE log = %(log)s AND msg_offset <= %(before)s
);

-- name: producer_keys
-- The answers that producer keys were given before.
SELECT log, key, first_offset, messages, publish_time_us FROM producer_keys
WHERE (log, key) IN (SELECT * FROM unnest(%b::int8[], %b::text[]));

-- name: put_producer_keys
-- Remember the answers given to producer keys.
INSERT INTO producer_keys (log, key, first_offset, messages, publish_time_us, at_us)
SELECT * FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[]);

-- name: read
-- Messages of a slab from an offset on, the log's own first one at the earliest, as many as fit in so many bytes of text,
-- and `least` of them at least; with each the slab of the log's last one. One row without a message when there is none.
SELECT l.slab, m.msg_offset, m.at_us, m.data, m.attributes FROM logs AS l LEFT JOIN LATERAL (
  SELECT measured.* FROM (
    SELECT found.*, sum(octet_length(data)) OVER (ORDER BY msg_offset) AS so_far, row_number() OVER (ORDER BY msg_offset) AS n
    FROM (
      SELECT msg_offset, at_us, data, attributes FROM ONLY messages
      WHERE log = l.id AND msg_offset >= greatest(%(offset)b::int8, l.first_offset)
      ORDER BY msg_offset LIMIT %(messages)b::int8
    ) AS found
  ) AS measured
  WHERE so_far <= %(bytes)b::int8 OR n <= %(least)b::int8
) AS m ON true
WHERE l.uid = %(uid)b AND NOT l.gone ORDER BY m.msg_offset;

-- name: goes_on
-- Whether a slab holds more of a log from an offset on.
SELECT msg_offset FROM ONLY messages WHERE log = (SELECT id FROM logs WHERE uid = %s) AND msg_offset >= %s
ORDER BY msg_offset LIMIT 1;

-- name: bounds
-- What a log holds.
SELECT first_offset, end_offset, bytes_total, stored_bytes, last_publish_us, previous_publish_us, last_batch
FROM logs WHERE uid = %s AND NOT gone;

-- name: ends
-- Where some logs end.
SELECT uid, end_offset FROM logs WHERE uid = ANY(%s);

-- name: topics
-- Every log that exists.
SELECT uid FROM logs WHERE NOT gone ORDER BY uid;

-- name: probe
-- The first message of a slab at or after an offset: when it came in steady time, and the bytes up to it.
SELECT msg_offset, at_us - coalesce((
  SELECT ahead_us FROM publish_offsets AS p WHERE p.log = m.log AND p.msg_offset <= m.msg_offset
  ORDER BY p.msg_offset DESC LIMIT 1
), 0), upto
FROM ONLY messages AS m WHERE m.log = %s AND m.msg_offset >= %s ORDER BY m.msg_offset LIMIT 1;

-- name: upto_before
-- The bytes up to the last message of a slab before an offset.
SELECT upto FROM ONLY messages WHERE log = %s AND msg_offset < %s ORDER BY msg_offset DESC LIMIT 1;

-- name: count
-- How many messages of a slab lie from one offset up to before another.
SELECT count(*) FROM ONLY messages WHERE log = %s AND msg_offset >= %s AND msg_offset < %s;

-- name: lowest
-- The lowest offset that is still stored in a slab, trimmed or not.
SELECT msg_offset FROM ONLY messages WHERE log = %s ORDER BY msg_offset LIMIT 1;

-- name: remove
-- Remove messages of a slab below an offset.
DELETE FROM ONLY messages WHERE log = %s AND msg_offset < %s;

-- name: forget_keys
-- Forget the producer keys of a log.
DELETE FROM producer_keys WHERE log = %s;

-- name: gone_with_messages
-- Dropped logs of which messages are still stored.
SELECT id FROM logs WHERE gone AND (
  EXISTS (SELECT 1 FROM ONLY messages AS m WHERE m.log = logs.id) OR EXISTS (SELECT 1 FROM log_slabs AS s WHERE s.log = logs.id)
);

-- name: sweep_keys
-- Forget some producer keys older than a time.
DELETE FROM producer_keys WHERE (log, key) IN (
  SELECT log, key FROM producer_keys WHERE at_us < %s ORDER BY at_us LIMIT %s
);
