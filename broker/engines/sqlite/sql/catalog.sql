-- name: read
-- One record.
SELECT kind, key, version, seq, body FROM catalog WHERE kind = ? AND key = ? AND body IS NOT NULL;

-- name: list
-- Records of a kind from one key up to before another, in the order of their creation.
SELECT kind, key, version, seq, body FROM catalog
WHERE kind = ? AND key >= ? AND key < ? AND body IS NOT NULL ORDER BY place;

-- name: feed
-- What changed after a number, removals included, in order.
SELECT kind, key, version, seq, body FROM catalog WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: seq
-- The number of the last change.
SELECT coalesce(max(seq), 0) FROM catalog;

-- name: standing
-- Place and version of a record.
SELECT place, version FROM catalog WHERE kind = ? AND key = ? AND body IS NOT NULL;

-- name: put
-- Store a record, or that a key was removed, in place of what was there before.
INSERT OR REPLACE INTO catalog (kind, key, place, version, seq, body) VALUES (?, ?, ?, ?, ?, ?);
