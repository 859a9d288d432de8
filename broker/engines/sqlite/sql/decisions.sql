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

-- name: quiet
-- Decisions within numbers and times that made no delivery at once, newest first; NULL fits all.
SELECT topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions
WHERE seq >= :first AND seq < :behind AND outcome <> 'sent' AND at_us >= :since_us AND at_us < :until_us
  AND (:topic_uid IS NULL OR topic_uid = :topic_uid) AND (:rule IS NULL OR rule = :rule)
  AND (:destination IS NULL OR destination = :destination) AND (:key IS NULL OR key = :key)
  AND (:outcome IS NULL OR outcome = :outcome) AND (:by IS NULL OR by = :by OR instr(by, :by || ':') = 1)
ORDER BY seq DESC LIMIT :limit;

-- name: first_number
-- The first number that is kept.
SELECT min(seq) FROM decisions;

-- name: last_number
-- The last number that is kept.
SELECT max(seq) FROM decisions;

-- name: probe
-- The first decision from a number on: its number, and when it was made in steady time.
SELECT seq, at_us FROM decisions WHERE seq >= ? ORDER BY seq LIMIT 1;

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
