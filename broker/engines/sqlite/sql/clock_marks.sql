-- name: mark
-- What both clocks said when they were last looked at.
SELECT boot, monotonic_us, wall_us, offset_us, newest_us FROM clock_mark WHERE id = 1;

-- name: put
-- Remember what both clocks say.
INSERT OR REPLACE INTO clock_mark (id, boot, monotonic_us, wall_us, offset_us, newest_us) VALUES (1, ?, ?, ?, ?, ?);

-- name: newest
-- The newest steady time and the newest publish time in some logs (a JSON array of uids).
SELECT coalesce(max(last_publish_us - ahead_us), 0), coalesce(max(last_publish_us), 0)
FROM whole_logs WHERE uid IN (SELECT value FROM json_each(?));

-- name: newest_noted
-- The same as the rows of the logs tell it, which may be behind.
SELECT coalesce(max(last_publish_us - ahead_us), 0), coalesce(max(last_publish_us), 0)
FROM logs WHERE uid IN (SELECT value FROM json_each(?));
