-- name: of
-- All decisions about one message, in order.
SELECT topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE topic_uid = %s AND msg_offset = %s ORDER BY seq;

-- name: since
-- Decisions after a number, oldest first.
SELECT topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE seq > %s ORDER BY seq LIMIT %s;

-- name: quiet
-- Decisions within times that made no delivery at once, newest first; NULL fits all.
WITH span AS MATERIALIZED (
  SELECT min(seq) AS first, max(seq) AS last FROM (
    SELECT seq FROM decisions WHERE at_us >= %(since_us)s AND at_us < %(until_us)s OFFSET 0
  ) AS within
)
SELECT topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions
WHERE seq >= (SELECT first FROM span) AND seq <= (SELECT last FROM span) AND seq < %(before_seq)s
  AND outcome <> 'sent' AND at_us >= %(since_us)s AND at_us < %(until_us)s
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(key)s::text IS NULL OR key = %(key)s)
  AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
  AND (%(by)s::text IS NULL OR by = %(by)s OR starts_with(by, %(by)s || ':'))
ORDER BY seq DESC LIMIT %(limit)s;

-- name: add
-- Write decisions.
INSERT INTO decisions (seq, topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us, version,
  offset_us)
SELECT * FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::text[], %b::int8[], %b::text[], %b::text[],
  %b::text[], %b::text[], %b::int8[], %b::text[], %b::int8[]);

-- name: sweep
-- Remove some decisions made before a time.
DELETE FROM decisions WHERE seq IN (SELECT seq FROM decisions WHERE at_us < %s ORDER BY at_us LIMIT %s);
