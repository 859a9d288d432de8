-- name: of
-- All decisions about one message, in order.
SELECT topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM whole_decisions WHERE topic_uid = ? AND offset = ? ORDER BY seq;

-- name: since
-- Decisions after a number, oldest first.
SELECT topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM whole_decisions WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: add
-- Write a decision.
INSERT INTO decisions (seq, topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us, version,
  offset_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: sweep
-- Remove, of the first decisions that are kept, those made before a time: they are numbered as they were made.
DELETE FROM decisions WHERE seq IN (
  SELECT seq FROM (SELECT seq, at_us FROM decisions WHERE seq > 0 ORDER BY seq LIMIT ?) WHERE at_us < ?
);
