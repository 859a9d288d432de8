-- name: of
-- All decisions about one message, in order.
SELECT topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE topic_uid = %s AND msg_offset = %s ORDER BY seq;

-- name: since
-- Decisions after a number, oldest first.
SELECT topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us + offset_us, version, seq
FROM decisions WHERE seq > %s ORDER BY seq LIMIT %s;

-- name: add
-- Write decisions.
INSERT INTO decisions (seq, topic_uid, msg_offset, item, rule, send, destination, key, outcome, by, at_us, version,
  offset_us)
SELECT * FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::text[], %b::int8[], %b::text[], %b::text[],
  %b::text[], %b::text[], %b::int8[], %b::text[], %b::int8[]);

-- name: sweep
-- Remove some decisions made before a time.
DELETE FROM decisions WHERE seq IN (SELECT seq FROM decisions WHERE at_us < %s ORDER BY at_us LIMIT %s);
