-- name: ends
-- The next offset of every log.
SELECT uid, "end" FROM logs;

-- name: logs
-- What a log's reserve is reckoned from.
SELECT uid, "end", created_us, last_publish_us FROM logs WHERE gone = 0;

-- name: raise
-- Raise a log's next offset; an empty log begins there.
UPDATE logs SET "end" = ?1, first = iif(EXISTS (SELECT 1 FROM messages WHERE log = logs.id AND offset >= first), first, ?1)
WHERE uid = ?2;

-- name: skip
-- Remember which offsets of a topic were passed over: they are no messages.
INSERT INTO sums (topic_uid, kind, name, state, by, value, stands_for) VALUES (?, 'counter', ?, '', '', ?, 0)
ON CONFLICT (topic_uid, kind, name, state, by) DO UPDATE SET value = excluded.value;

-- name: doubt
-- Mark everything that waits as late, and as perhaps delivered since.
UPDATE progress SET late = 1, unclear = 1 WHERE state = 'waiting';
