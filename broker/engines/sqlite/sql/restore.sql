-- name: ends
-- The next offset of every log.
SELECT uid, "end" FROM whole_logs;

-- name: logs
-- What a log's reserve is reckoned from.
SELECT uid, "end", created_us, last_publish_us FROM whole_logs WHERE gone = 0;

-- name: note
-- Write how every log stands into its row, which may be raised then.
UPDATE logs SET ("end", bytes_total, upto, stored_bytes, last_publish_us, previous_publish_us, last_batch) = (
  SELECT w."end", w.bytes_total, w.upto, w.stored_bytes, w.last_publish_us, w.previous_publish_us, w.last_batch
  FROM whole_logs AS w WHERE w.uid = logs.uid
);

-- name: raise
-- Raise a log's next offset; an empty log begins there.
UPDATE logs SET "end" = ?1, first = iif(EXISTS (
  SELECT 1 FROM messages AS m WHERE m.id >= (logs.id << 44) + first AND m.id < (logs.id + 1) << 44
), first, ?1)
WHERE uid = ?2;

-- name: skip
-- Remember which offsets of a topic were passed over: they are no messages.
INSERT INTO sums (topic_uid, kind, name, state, by, value, stands_for) VALUES (?, 'counter', ?, '', '', ?, 0)
ON CONFLICT (topic_uid, kind, name, state, by) DO UPDATE SET value = excluded.value;

-- name: doubt
-- Mark everything that waits as late, and as perhaps delivered since.
UPDATE progress SET late = 1, unclear = 1 WHERE state = 'waiting';
