-- name: last_number
-- The last number that was given of a sequence.
SELECT value FROM numbers WHERE name = ?;

-- name: put_number
-- Remember the last number given.
INSERT INTO numbers (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: add_balance
-- Add deliveries, and what they stand for, to one entry of the books.
INSERT INTO balances (topic_uid, destination, state, by, deliveries, stands_for) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (topic_uid, destination, state, by) DO UPDATE
SET deliveries = deliveries + excluded.deliveries, stands_for = stands_for + excluded.stands_for;

-- name: add_counter
-- Add to a named counter of a topic.
INSERT INTO counters (topic_uid, name, value) VALUES (?, ?, ?)
ON CONFLICT (topic_uid, name) DO UPDATE SET value = value + excluded.value;

-- name: add_rows
-- Add to the number of rows of state a rule holds.
INSERT INTO state_counts (rule, rows) VALUES (?, ?)
ON CONFLICT (rule) DO UPDATE SET rows = rows + excluded.rows;
