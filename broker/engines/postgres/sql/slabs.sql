-- name: of
-- From which offset on a log lies in which slab.
SELECT first_offset, slab FROM log_slabs WHERE log = %s ORDER BY first_offset;

-- name: of_topic
-- The same by the topic's uid.
SELECT s.first_offset, s.slab FROM log_slabs AS s JOIN logs AS l ON l.id = s.log WHERE l.uid = %s ORDER BY s.first_offset;

-- name: begin_in
-- Say that logs go on in other slabs from an offset on.
INSERT INTO log_slabs (log, first_offset, slab) SELECT * FROM unnest(%b::int8[], %b::int8[], %b::int8[]);

-- name: all
-- Every slab, whether it is open yet, and since when others of it wait to be dropped with it.
SELECT slab, opens_us, waits_since_us FROM slabs ORDER BY slab FOR UPDATE;

-- name: number
-- A number for a slab.
SELECT nextval('slab_number');

-- name: add
-- A slab was made, and waits to be opened.
INSERT INTO slabs (slab) VALUES (%s);

-- name: open
-- From now on topics are written into this slab.
UPDATE slabs SET opens_us = %s WHERE slab = %s;

-- name: wait
-- From now on some logs' messages of a slab are past their retention, and wait for those of the others.
UPDATE slabs SET waits_since_us = %s WHERE slab = %s;

-- name: size
-- What a slab takes on the disk.
SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0);

-- name: held
-- Whose messages a slab holds: logs, and whether any of these is retained.
SELECT s.log, NOT l.gone AND l.first_offset < coalesce((
  SELECT n.first_offset FROM log_slabs AS n WHERE n.log = s.log AND n.first_offset > s.first_offset
  ORDER BY n.first_offset LIMIT 1
), l.end_offset)
FROM log_slabs AS s JOIN logs AS l ON l.id = s.log WHERE s.slab = %s ORDER BY s.log;

-- name: lock_idle
-- The logs that wrote into a slab last, locked in the order in which all lock them.
SELECT id FROM logs WHERE uid IN (
  SELECT l.uid FROM log_slabs AS s JOIN logs AS l ON l.id = s.log WHERE s.slab = %(slab)s AND l.slab = %(slab)s
) ORDER BY uid FOR UPDATE;

-- name: leave
-- Logs that wrote into a slab last are in none.
UPDATE logs SET slab = 0 WHERE id = ANY(%(logs)s) AND slab = %(slab)s;

-- name: forget
-- Forget that logs are in a slab.
DELETE FROM log_slabs WHERE slab = %(slab)s AND log = ANY(%(logs)s);

-- name: forget_log
-- Forget in which slabs a log is.
DELETE FROM log_slabs WHERE log = %s;

-- name: remove
-- Forget a slab.
DELETE FROM slabs WHERE slab = %s;
