-- name: lock
-- Take locks by their numbers, always in the same order.
SELECT slot FROM lock_slots WHERE slot = ANY(%s) ORDER BY slot FOR UPDATE;

-- name: lock_all
-- Take every lock.
SELECT slot FROM lock_slots ORDER BY slot FOR UPDATE;

-- name: begin_writer
-- A writer comes to be.
INSERT INTO writers (id, batch, at_us) VALUES (%s, 0, (extract(epoch FROM clock_timestamp()) * 1000000)::int8)
ON CONFLICT (id) DO NOTHING;

-- name: mark_batch
-- Say within a batch that it is in.
INSERT INTO writers (batch, id, at_us) VALUES (%s, %s, (extract(epoch FROM clock_timestamp()) * 1000000)::int8)
ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at_us = excluded.at_us;

-- name: last_batch
-- The last batch of a writer that is in. It waits for one that is still on its way.
SELECT batch FROM writers WHERE id = %s FOR UPDATE;

-- name: end_writer
-- A writer writes no more.
DELETE FROM writers WHERE id = %s;

-- name: forget_writers
-- Forget writers that wrote nothing for a month: nobody will ask for them any more.
DELETE FROM writers WHERE at_us < (extract(epoch FROM clock_timestamp()) * 1000000)::int8 - 2592000000000::int8;

-- name: delivery_numbers
-- Numbers for deliveries, and places in their lines.
SELECT nextval('delivery_number') FROM generate_series(1, %s);

-- name: state_numbers
-- Versions for rows of state.
SELECT nextval('state_number') FROM generate_series(1, %s);

-- name: decision_numbers
-- Numbers for decisions.
SELECT nextval('decision_number') FROM generate_series(1, %s);

-- name: add_balances
-- Add deliveries, and what they stand for, to entries of the books.
INSERT INTO balances (topic_uid, destination, state, by, shard, deliveries, stands_for)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::int4[], %b::int8[], %b::int8[])
ON CONFLICT (topic_uid, destination, state, by, shard) DO UPDATE
SET deliveries = balances.deliveries + excluded.deliveries, stands_for = balances.stands_for + excluded.stands_for;

-- name: add_counters
-- Add to named counters of topics.
INSERT INTO counters (topic_uid, name, shard, value)
SELECT * FROM unnest(%b::text[], %b::text[], %b::int4[], %b::int8[])
ON CONFLICT (topic_uid, name, shard) DO UPDATE SET value = counters.value + excluded.value;

-- name: add_rows
-- Add to the numbers of rows of state that rules hold.
INSERT INTO state_counts (rule, shard, held) SELECT * FROM unnest(%b::text[], %b::int4[], %b::int8[])
ON CONFLICT (rule, shard) DO UPDATE SET held = state_counts.held + excluded.held;

-- name: counters
-- The named counters of one topic, or of all.
SELECT topic_uid, name, sum(value)::int8 FROM counters WHERE %(topic)s::text IS NULL OR topic_uid = %(topic)s
GROUP BY topic_uid, name;

-- name: mark
-- What both clocks said when they were last looked at: in this run of the machine, or else in the last one known.
SELECT boot, monotonic_us, wall_us, offset_us, newest_us FROM clock_marks
ORDER BY boot = %s DESC, wall_us - offset_us DESC LIMIT 1;

-- name: put_mark
-- Remember what both clocks say; other runs of this machine are over.
INSERT INTO clock_marks (boot, monotonic_us, wall_us, offset_us, newest_us) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (boot) DO UPDATE SET monotonic_us = excluded.monotonic_us, wall_us = excluded.wall_us,
  offset_us = excluded.offset_us, newest_us = excluded.newest_us;

-- name: newest
-- The newest steady time and the newest publish time in the logs.
SELECT coalesce(max(last_publish_us - ahead_us), 0), coalesce(max(last_publish_us), 0) FROM logs WHERE NOT gone;
