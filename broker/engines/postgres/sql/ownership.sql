-- name: register
-- A node begins; an earlier run of it is over, whatever it may still believe.
INSERT INTO nodes (name, incarnation, holder, until_us, since_us)
VALUES (%(name)s, 1, nextval('holder_number'), (extract(epoch FROM clock_timestamp()) * 1000000)::int8 + %(ttl)s,
  (extract(epoch FROM clock_timestamp()) * 1000000)::int8)
ON CONFLICT (name) DO UPDATE SET incarnation = nodes.incarnation + 1, holder = excluded.holder,
  until_us = excluded.until_us, since_us = excluded.since_us, wants = '{}'
RETURNING holder, 'ams-bridge ' || left(md5(current_schema()), 8) || ' ' || holder;

-- name: renew
-- A node lives: the number of what it could run; none when a later run of it has begun.
UPDATE nodes SET until_us = (extract(epoch FROM clock_timestamp()) * 1000000)::int8 + %s WHERE holder = %s
RETURNING wants_sum;

-- name: renew_wanting
-- A node lives, and could run these workers: their number; none when a later run of it has begun.
UPDATE nodes SET until_us = (extract(epoch FROM clock_timestamp()) * 1000000)::int8 + %s, wants = %s WHERE holder = %s
RETURNING wants_sum;

-- name: end
-- A node ends.
UPDATE nodes SET until_us = 0, wants = '{}' WHERE holder = %s;

-- name: end_sessions_of_the_dead
-- End the sessions of nodes that live no more, and of earlier runs. Each ends by itself but one: where a node is paused
-- between two statements that it sends together, the server waits for the rest of them without a bound. None of them
-- has anything left to write. Other schemas' nodes are none of ours.
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()
  AND starts_with(a.application_name, 'ams-bridge ' || left(md5(current_schema()), 8) || ' ')
  AND a.application_name NOT IN (
    SELECT 'ams-bridge ' || left(md5(current_schema()), 8) || ' ' || n.holder FROM nodes AS n
    WHERE n.until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8
  );

-- name: live
-- The holders that live, by the number of what they could run.
SELECT wants_sum, array_agg(holder ORDER BY holder) FROM nodes
WHERE until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8 GROUP BY wants_sum ORDER BY wants_sum;

-- name: wants
-- The workers behind such numbers.
SELECT DISTINCT ON (wants_sum) wants_sum, wants FROM nodes WHERE wants_sum = ANY(%s) ORDER BY wants_sum;

-- name: owners
-- The tokens of some workers, -1 where the node lives no more. Nobody takes one over before the transaction ends.
SELECT w.name, CASE WHEN n.until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8 THEN w.token ELSE -1 END
FROM workers AS w LEFT JOIN nodes AS n ON n.holder = w.holder
WHERE w.name = ANY(%s) ORDER BY w.name FOR SHARE OF w;

-- name: tokens
-- The tokens of some workers, -1 where the node lives no more, as they stand now.
SELECT w.name, CASE WHEN n.until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8 THEN w.token ELSE -1 END
FROM workers AS w LEFT JOIN nodes AS n ON n.holder = w.holder WHERE w.name = ANY(%s);

-- name: lock_courier
-- The courier of a destination does not change hands before the transaction ends.
SELECT holder FROM workers WHERE name = 'courier:' || %s FOR SHARE;

-- name: count_refused
-- Count writes that came too late.
INSERT INTO refused_writes (worker, token, writes, at_us)
SELECT u.worker, u.token, u.writes, (extract(epoch FROM clock_timestamp()) * 1000000)::int8
FROM unnest(%b::text[], %b::int8[], %b::int8[]) AS u (worker, token, writes) ORDER BY u.worker, u.token
ON CONFLICT (worker, token) DO UPDATE SET writes = refused_writes.writes + excluded.writes, at_us = excluded.at_us;

-- name: add_workers
-- Workers that nobody ran yet.
INSERT INTO workers (name, holder, node, token, since_us)
SELECT name, 0, '', 0, (extract(epoch FROM clock_timestamp()) * 1000000)::int8
FROM unnest(%s::text[]) AS wanted (name) ORDER BY name
ON CONFLICT (name) DO NOTHING;

-- name: held
-- What a holder has.
SELECT name, token FROM workers WHERE holder = %s ORDER BY name;

-- name: free
-- Workers that nobody runs, and whether a node died with them.
SELECT name, holder <> 0 FROM workers WHERE holder NOT IN (
  SELECT holder FROM nodes WHERE until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8
) ORDER BY name;

-- name: claim
-- Take free workers of some names, up to so many, the first named first: those of no holder, or of one that lives no more.
UPDATE workers SET taken_from = CASE WHEN workers.holder = 0 THEN '' ELSE workers.node END, holder = %(holder)s,
  node = %(node)s, token = workers.token + 1, since_us = (extract(epoch FROM clock_timestamp()) * 1000000)::int8
FROM (
  SELECT w.name FROM workers AS w
  WHERE w.name = ANY(%(names)s) AND w.holder NOT IN (
    SELECT holder FROM nodes WHERE until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8
  ) ORDER BY array_position(%(names)s, w.name) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS free
WHERE workers.name = free.name RETURNING workers.name, workers.token, workers.taken_from;

-- name: release
-- Give back some workers of a holder.
UPDATE workers SET holder = 0 WHERE holder = %s AND name = ANY(%s);

-- name: release_others
-- Give back what a holder has beside workers of some names.
UPDATE workers SET holder = 0 WHERE holder = %s AND NOT name = ANY(%s);

-- name: release_all
-- Give back all workers of a holder.
UPDATE workers SET holder = 0 WHERE holder = %s;

-- name: listed
-- Every worker that some node has.
SELECT n.name, w.name, w.token, w.since_us, w.taken_from
FROM workers AS w JOIN nodes AS n ON n.holder = w.holder ORDER BY n.name, w.name;

-- name: nodes
-- Every node, whether it lives, and since when.
SELECT name, until_us > (extract(epoch FROM clock_timestamp()) * 1000000)::int8, since_us FROM nodes ORDER BY name;
