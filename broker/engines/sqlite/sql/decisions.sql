-- name: of
-- All decisions about one message, in order; what deliveries tell is found by their origin.
SELECT topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE topic_uid = ?1 AND offset = ?2
UNION ALL
SELECT d.topic_uid, d.offset, d.item, d.rule, d.send, p.destination, d.key, 'sent', '', d.created_us, d.version, d.decision
FROM deliveries AS d JOIN progress AS p ON p.seq = d.seq
WHERE d.origin > 'm/' || ?1 || '/' || ?2 || '/' AND d.origin < 'm/' || ?1 || '/' || ?2 || '0'
  AND d.topic_uid = ?1 AND d.offset = ?2 AND d.decision > 0
ORDER BY 12;

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
