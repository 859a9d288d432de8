-- name: numbers
-- What both clocks said when they were last looked at.
SELECT name, value FROM numbers WHERE name IN (
  'clock boot', 'clock monotonic_us', 'clock wall_us', 'clock offset_us', 'clock newest_us'
);

-- name: put
-- Remember something that a clock said.
INSERT INTO numbers (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: newest
-- The newest steady time and the newest publish time in some logs (a JSON array of uids).
SELECT coalesce(max(last_publish_us - ahead_us), 0), coalesce(max(last_publish_us), 0)
FROM logs WHERE uid IN (SELECT value FROM json_each(?));
