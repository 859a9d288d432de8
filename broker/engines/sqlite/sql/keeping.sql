-- name: last_number
-- The last number that was given of a sequence.
SELECT value FROM sums WHERE topic_uid = '' AND kind = 'number' AND name = ? AND state = '' AND by = '';

-- name: add
-- Add to a sum: an entry of the books, a counter, the rows of state that a rule holds, the numbers given of a sequence.
INSERT INTO sums (topic_uid, kind, name, state, by, value, stands_for) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (topic_uid, kind, name, state, by) DO UPDATE
SET value = value + excluded.value, stands_for = stands_for + excluded.stands_for;
