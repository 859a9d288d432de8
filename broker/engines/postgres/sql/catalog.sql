-- name: read
-- One record.
SELECT kind, key, version, seq, body FROM catalog WHERE kind = %s AND key = %s AND body IS NOT NULL;

-- name: list
-- Records of a kind from one key up to before another, in the order of their creation.
SELECT kind, key, version, seq, body FROM catalog
WHERE kind = %s AND key >= %s AND key < %s AND body IS NOT NULL ORDER BY place;

-- name: feed
-- What changed after a number, removals included, in order.
SELECT kind, key, version, seq, body FROM catalog WHERE seq > %s ORDER BY seq LIMIT %s;

-- name: seq
-- The number of the last change.
SELECT coalesce(max(seq), 0) FROM catalog;

-- name: standing
-- Place and version of some records.
SELECT kind, key, place, version FROM catalog
WHERE body IS NOT NULL AND (kind, key) IN (SELECT * FROM unnest(%b::text[], %b::text[]));

-- name: put
-- Store records, or that keys were removed, in place of what was there before.
INSERT INTO catalog (kind, key, place, version, seq, body)
SELECT * FROM unnest(%b::text[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::bytea[])
ON CONFLICT (kind, key) DO UPDATE
SET place = excluded.place, version = excluded.version, seq = excluded.seq, body = excluded.body;
