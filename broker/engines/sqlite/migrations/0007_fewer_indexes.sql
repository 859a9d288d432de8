-- Fewer pages change with each message. Cursors stand among the sums, on the page that changes anyway; what a message
-- led to is found by the origin, which has an index already; when deliveries were made stands in an index for each
-- sixty-fourth; and a delivery that is leased by the commit that brings it, alone in its line, stands in no index of lines.

-- `kind` may now also be cursor (name: its id; value: offset; stands_for: revision) or lone (name: destination; state:
-- order key; value: number of the delivery; stands_for: the end of its lease).
ALTER TABLE sums ADD COLUMN pending_to INTEGER;
ALTER TABLE sums ADD COLUMN pending_at_us INTEGER;
ALTER TABLE sums ADD COLUMN messages_total INTEGER;
ALTER TABLE sums ADD COLUMN bytes_total INTEGER;
ALTER TABLE sums ADD COLUMN last_consumed_us INTEGER;
ALTER TABLE sums ADD COLUMN consume_rate REAL;

INSERT INTO sums
SELECT '', 'cursor', id, '', '', offset, rev, pending_to, pending_at_us, messages_total, bytes_total, last_consumed_us,
  consume_rate
FROM cursors;
DROP TABLE cursors;

CREATE VIEW cursors AS
SELECT name AS id, value AS offset, stands_for AS rev, pending_to, pending_at_us, messages_total, bytes_total,
  last_consumed_us, consume_rate
FROM sums WHERE topic_uid = '' AND kind = 'cursor';

-- `head` is 2 while a delivery is alone in its line and told in `sums` as lone; it is leased then.
DROP INDEX progress_line;
CREATE INDEX progress_line ON progress (destination, order_key, place) WHERE state = 'waiting' AND head < 2;

-- Most deliveries come of a message and say so in `origin`; this index holds the others.
DROP INDEX deliveries_message;
CREATE INDEX deliveries_message ON deliveries (topic_uid, offset)
WHERE instr(origin, 'm/' || topic_uid || '/' || offset || '/') <> 1;

DROP INDEX deliveries_created;
CREATE INDEX deliveries_created ON deliveries (created_us) WHERE seq % 64 = 0;
