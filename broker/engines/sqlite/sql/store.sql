-- name: counters
-- The named counters of one topic, or of all.
SELECT topic_uid, name, value FROM counters WHERE ?1 IS NULL OR topic_uid = ?1;

-- name: stamp
-- Write when a backup was made.
INSERT OR REPLACE INTO numbers (name, value) VALUES ('backed up at', ?);

-- name: stamped
-- When a backup was made.
SELECT value FROM numbers WHERE name = 'backed up at';

-- name: opened
-- When the store was opened last.
SELECT value FROM numbers WHERE name = 'opened at';

-- name: open
-- Write when the store was opened.
INSERT OR REPLACE INTO numbers (name, value) VALUES ('opened at', ?);

-- name: close
-- A copy was never opened.
DELETE FROM numbers WHERE name = 'opened at';

-- name: newest
-- The newest moment that the store knows of.
SELECT max(last_publish_us) FROM whole_logs;
