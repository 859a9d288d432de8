-- name: places
-- Where some deliveries belong, by their numbers and ids.
SELECT p.seq, p.destination FROM progress AS p WHERE p.seq = ANY(%(seqs)s)
UNION
SELECT p.seq, p.destination FROM deliveries AS d JOIN progress AS p ON p.seq = d.seq WHERE d.id = ANY(%(ids)s);

-- name: whole
-- Some deliveries by their numbers.
SELECT * FROM whole_deliveries WHERE seq = ANY(%s);

-- name: behind_number
-- Deliveries behind a number, oldest first.
SELECT * FROM whole_deliveries WHERE seq > %s ORDER BY seq LIMIT %s;

-- name: by_id
-- One delivery by its id.
SELECT * FROM whole_deliveries WHERE id = %s;

-- name: taken_ids
-- Which of some ids are taken.
SELECT id FROM deliveries WHERE id = ANY(%s);

-- name: taken_keys
-- Which of some unique keys are taken.
SELECT origin, rule, send, part FROM deliveries
WHERE (origin, rule, send, part) IN (SELECT * FROM unnest(%b::text[], %b::text[], %b::int8[], %b::int8[]));

-- name: add_deliveries
-- Store what was decided.
INSERT INTO deliveries (seq, id, origin, rule, send, part, parts, phase, key, incident, stands_for, topic_uid,
  msg_offset, version, places, severity, due_us, created_us, post)
SELECT * FROM unnest(%b::int8[], %b::text[], %b::text[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::text[],
  %b::text[], %b::text[], %b::int8[], %b::text[], %b::int8[], %b::text[], %b::bytea[], %b::text[], %b::int8[],
  %b::int8[], %b::bytea[]);

-- name: add_progress
-- Put deliveries into their lines, or to their ends at once. The first of an empty line is its head.
INSERT INTO progress (seq, destination, order_key, priority, place, head, state, due_us, late, by, settled_us,
  offset_us)
SELECT u.seq, u.destination, u.order_key, u.priority, u.place, u.first AND NOT EXISTS (
    SELECT 1 FROM progress AS p
    WHERE p.state = 'waiting' AND p.destination = u.destination AND p.order_key = u.order_key
  ), u.state, u.due_us, u.late, u.by, u.settled_us, u.offset_us
FROM unnest(%b::int8[], %b::text[], %b::text[], %b::int8[], %b::int8[], %b::bool[], %b::text[], %b::int8[], %b::bool[],
  %b::text[], %b::int8[], %b::int8[])
  AS u (seq, destination, order_key, priority, place, first, state, due_us, late, by, settled_us, offset_us);

-- name: change
-- Write what changed of deliveries.
UPDATE progress SET due_us = u.due_us, leased = u.leased, attempts = u.attempts, tries = u.tries, form = u.form,
  first_tried_us = u.first_tried_us, unclear = u.unclear, state = u.state, by = u.by, settled_us = u.settled_us,
  offset_us = u.offset_us, late = u.late, place = u.place, head = progress.head AND u.stays
FROM unnest(%b::int8[], %b::int8[], %b::bool[], %b::int8[], %b::int8[], %b::text[], %b::int8[], %b::bool[], %b::text[],
  %b::text[], %b::int8[], %b::int8[], %b::bool[], %b::int8[], %b::bool[])
  AS u (seq, due_us, leased, attempts, tries, form, first_tried_us, unclear, state, by, settled_us, offset_us, late,
  place, stays)
WHERE progress.seq = u.seq;

-- name: promote
-- Make the first of some lines their heads, and say for which destinations that is news.
UPDATE progress AS p SET head = true
FROM unnest(%b::text[], %b::text[]) AS line (destination, order_key)
CROSS JOIN LATERAL (
  SELECT q.seq FROM progress AS q
  WHERE q.state = 'waiting' AND q.destination = line.destination AND q.order_key = line.order_key
  ORDER BY q.place LIMIT 1
) AS front
WHERE p.seq = front.seq AND NOT p.head RETURNING p.destination;

-- name: lease
-- Hide due deliveries of a destination until the lease ends: the first of each line, the highest priority first, then
-- the oldest due, and behind each a run of those due next in its line. One whose lease was lost may have arrived. Each
-- comes behind the last receipt of its line, and whether another waits behind it there. Where another node has the
-- destination's courier, nothing is leased.
WITH RECURSIVE levels (priority) AS (
  (SELECT priority FROM progress WHERE head AND destination = %(destination)s ORDER BY priority DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT p.priority FROM progress AS p
          WHERE p.head AND p.destination = %(destination)s AND p.priority < levels.priority
          ORDER BY p.priority DESC LIMIT 1)
  FROM levels WHERE levels.priority IS NOT NULL
), heads AS MATERIALIZED (
  SELECT levels.priority AS level, found.* FROM levels CROSS JOIN LATERAL (
    SELECT p.seq AS first, p.due_us AS first_due_us, p.order_key, p.place FROM progress AS p
    WHERE p.head AND p.destination = %(destination)s AND p.priority = levels.priority AND p.due_us <= %(now)s
    ORDER BY p.due_us, p.seq LIMIT %(limit)s
  ) AS found
  WHERE NOT EXISTS (
    SELECT 1 FROM workers AS w WHERE w.name = 'courier:' || %(destination)s AND w.holder <> %(holder)s
  )
  ORDER BY levels.priority DESC, found.first_due_us, found.first LIMIT %(limit)s
), runs AS MATERIALIZED (
  SELECT heads.level, heads.first, heads.first_due_us, line.seq, line.n,
    bool_and(line.due_us <= %(now)s) OVER (PARTITION BY heads.first ORDER BY line.n) AS is_due,
    line.n < count(*) OVER (PARTITION BY heads.first) AS is_followed
  FROM heads CROSS JOIN LATERAL (
    SELECT p.seq, p.due_us, row_number() OVER (ORDER BY p.place) AS n FROM progress AS p
    WHERE p.state = 'waiting' AND p.destination = %(destination)s AND p.order_key = heads.order_key
      AND p.place >= heads.place
    ORDER BY p.place LIMIT %(run)s + 1
  ) AS line
), leased AS (
  UPDATE progress AS p SET due_us = %(until)s, leased = true, lease = p.lease + 1, unclear = p.unclear OR p.leased,
    holder = %(holder)s
  FROM runs WHERE p.seq = runs.seq AND runs.is_due AND runs.n <= %(run)s
  RETURNING p.*, runs.level, runs.first, runs.first_due_us, runs.n, runs.is_followed
)
SELECT r.receipt, p.is_followed, d.id, d.origin, d.rule, d.send, d.part, d.parts, p.destination, p.order_key, p.priority,
  d.post, d.phase, d.key, d.incident, d.stands_for, d.topic_uid, d.msg_offset, d.version, d.places, d.severity, d.due_us,
  d.created_us, p.late, p.seq, p.state, p.due_us, p.attempts, p.tries, p.form, p.by, p.leased,
  p.settled_us + p.offset_us, p.first_tried_us, p.unclear, p.lease, p.head, p.place
FROM leased AS p JOIN deliveries AS d ON d.seq = p.seq
LEFT JOIN receipts AS r ON r.destination = p.destination AND r.order_key = p.order_key
ORDER BY p.level DESC, p.first_due_us, p.first, p.n;

-- name: counts_in_lines
-- How many wait in some lines, each from one place to another.
SELECT line.destination, line.order_key, (
  SELECT count(*) FROM progress AS p WHERE p.state = 'waiting' AND p.destination = line.destination
    AND p.order_key = line.order_key AND p.place BETWEEN line.first AND line.last
) FROM unnest(%b::text[], %b::text[], %b::int8[], %b::int8[]) AS line (destination, order_key, first, last);

-- name: count_due
-- How many deliveries of a destination are due and not leased, counted up to a limit.
SELECT count(*) FROM (
  SELECT 1 FROM progress WHERE state = 'waiting' AND destination = %s AND due_us <= %s ORDER BY order_key, place LIMIT %s
) AS due;

-- name: oldest
-- When the first in place of all that wait for a destination was decided.
SELECT d.created_us FROM deliveries AS d WHERE d.seq = (
  SELECT seq FROM progress WHERE state = 'waiting' AND destination = %s ORDER BY place LIMIT 1
);

-- name: backlog
-- What waits for a destination, line by line, from behind a place.
SELECT * FROM whole_deliveries
WHERE state = 'waiting' AND destination = %s AND (order_key, place) > (%s, %s) ORDER BY order_key, place LIMIT %s;

-- name: next_due
-- When the first head of a destination is due, each priority asked for its own.
WITH RECURSIVE levels (priority) AS (
  (SELECT priority FROM progress WHERE head AND destination = %(destination)s ORDER BY priority DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT p.priority FROM progress AS p
          WHERE p.head AND p.destination = %(destination)s AND p.priority < levels.priority
          ORDER BY p.priority DESC LIMIT 1)
  FROM levels WHERE levels.priority IS NOT NULL
)
SELECT min((SELECT p.due_us FROM progress AS p
            WHERE p.head AND p.destination = %(destination)s AND p.priority = levels.priority
            ORDER BY p.due_us LIMIT 1))
FROM levels WHERE priority IS NOT NULL;

-- name: add_attempts
-- Put tries on record.
INSERT INTO attempts (delivery, number, at_us, took_us, outcome, reason, counted, unclear, form)
SELECT * FROM unnest(%b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::text[], %b::text[], %b::bool[], %b::bool[],
  %b::text[]);

-- name: attempts
-- The tries of a delivery, oldest first.
SELECT at_us, took_us, outcome, reason, counted, unclear, form FROM attempts WHERE delivery = %s ORDER BY number;

-- name: put_receipts
-- Remember the last receipts of order keys.
INSERT INTO receipts (destination, order_key, receipt, at_us)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::int8[])
ON CONFLICT (destination, order_key) DO UPDATE SET receipt = excluded.receipt, at_us = excluded.at_us;

-- name: receipt
-- The last receipt of an order key.
SELECT receipt FROM receipts WHERE destination = %s AND order_key = %s;

-- name: receipts
-- The last receipts of some order keys.
SELECT order_key, receipt FROM receipts WHERE destination = %s AND order_key = ANY(%s);

-- name: waiting_by_topic
-- What waits for a destination, by topic.
SELECT d.topic_uid, count(*), sum(d.stands_for)::int8
FROM progress AS p JOIN deliveries AS d ON d.seq = p.seq
WHERE p.state = 'waiting' AND p.destination = %s GROUP BY d.topic_uid ORDER BY d.topic_uid;

-- name: move
-- Give all that wait for a destination to another.
UPDATE progress SET destination = %s, head = false WHERE state = 'waiting' AND destination = %s;

-- name: clear_heads
-- Forget which deliveries of a destination are heads.
UPDATE progress SET head = false WHERE head AND destination = %s;

-- name: find_heads
-- Find the head of every line of a destination.
UPDATE progress AS p SET head = true FROM (
  SELECT DISTINCT ON (order_key) seq FROM progress WHERE state = 'waiting' AND destination = %s ORDER BY order_key, place
) AS front WHERE p.seq = front.seq;

-- name: balances
-- The books over everything that ever was.
SELECT topic_uid, destination, state, by, sum(deliveries)::int8, sum(stands_for)::int8 FROM balances
GROUP BY topic_uid, destination, state, by HAVING sum(deliveries) > 0
ORDER BY topic_uid, destination, state, by;

-- name: balances_since
-- The books over deliveries created since a time.
SELECT d.topic_uid, p.destination, p.state, CASE WHEN p.state IN ('folded', 'cancelled') THEN '' ELSE p.by END AS booked,
  count(*), sum(d.stands_for)::int8
FROM deliveries AS d JOIN progress AS p ON p.seq = d.seq
WHERE d.created_us >= %s
GROUP BY d.topic_uid, p.destination, p.state, booked
ORDER BY d.topic_uid, p.destination, p.state, booked;

-- name: end_leases
-- End the leases of a holder; what it tried may have arrived.
UPDATE progress SET leased = false, due_us = least(due_us, %s), unclear = true
WHERE state = 'waiting' AND leased AND holder = %s;

-- name: end_leases_of_the_dead
-- End the leases of holders that are no more; what they tried may have arrived.
UPDATE progress SET leased = false, due_us = least(due_us, %s), unclear = true
WHERE state = 'waiting' AND leased AND holder NOT IN (
  SELECT holder FROM nodes WHERE until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8
);

-- name: sweep
-- Remove some deliveries that were settled before a time, with their tries.
WITH old AS MATERIALIZED (
  SELECT seq FROM progress WHERE state <> 'waiting' AND settled_us < %s ORDER BY settled_us LIMIT %s
  FOR UPDATE SKIP LOCKED
), tries AS (
  DELETE FROM attempts USING old WHERE attempts.delivery = old.seq
), decided AS (
  DELETE FROM deliveries USING old WHERE deliveries.seq = old.seq
)
DELETE FROM progress USING old WHERE progress.seq = old.seq;

-- name: sweep_receipts
-- Forget some receipts stored before a time.
DELETE FROM receipts WHERE (destination, order_key) IN (
  SELECT destination, order_key FROM receipts WHERE at_us < %s ORDER BY at_us LIMIT %s
);

-- name: find
-- Deliveries that fit, newest first; NULL fits all.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_between
-- The same where times are given, both of them.
WITH span AS MATERIALIZED (
  SELECT min(seq) AS first, max(seq) AS last FROM (
    SELECT seq FROM deliveries WHERE created_us >= %(since_us)s AND created_us < %(until_us)s OFFSET 0
  ) AS within
)
SELECT * FROM whole_deliveries
WHERE seq >= (SELECT first FROM span) AND seq <= (SELECT last FROM span)
  AND seq < %(before_seq)s AND created_us >= %(since_us)s AND created_us < %(until_us)s
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_by_prefix
-- The same where the beginning of the id is given.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND id >= %(id_prefix)s AND id < %(behind_ids)s
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_into
-- The same where a digest is given that they were folded into or cancelled with.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND by = %(into)s AND state IN ('folded', 'cancelled')
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_of_incident
-- The same where an incident is given.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND incident = %(incident)s AND incident <> ''
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_in_line
-- The same where state is waiting, and destination and order key are given.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND state = 'waiting' AND destination = %(destination)s AND order_key = %(order_key)s
  AND (%(rule)s::text IS NULL OR rule = %(rule)s) AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_of_message
-- The same where topic and offset are given.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND topic_uid = %(topic_uid)s AND msg_offset = %(offset)s
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_dead
-- The same where state is dead.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND state = 'dead'
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;

-- name: find_shadow
-- The same where state is shadow.
SELECT * FROM whole_deliveries
WHERE seq < %(before_seq)s AND state = 'shadow'
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(offset)s::int8 IS NULL OR msg_offset = %(offset)s)
  AND (%(order_key)s::text IS NULL OR order_key = %(order_key)s)
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(since_us)s::int8 IS NULL OR created_us >= %(since_us)s)
  AND (%(until_us)s::int8 IS NULL OR created_us < %(until_us)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s;
