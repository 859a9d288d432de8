-- name: of
-- All decisions about one message, in order.
SELECT topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE topic_uid = ? AND offset = ? ORDER BY seq;

-- name: since
-- Decisions after a number, oldest first.
SELECT topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: add
-- Write a decision.
INSERT INTO decisions (seq, topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us, version,
  offset_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: sweep
-- Remove some decisions made before a time.
DELETE FROM decisions WHERE seq IN (SELECT seq FROM decisions WHERE at_us < ? ORDER BY at_us LIMIT ?);
