-- A message is found by one number, and says itself how its log stands behind it. So an append changes the page of the
-- message and no other, and a message of up to a page needs no second one: keys of two columns let it have a quarter.

-- `id` is the log's number and the offset in it, which has 44 bits. `bytes_total`, `since_us` (how long after the publish
-- before) and `batch` are those of `logs` behind this message. `data` is a text, or where that is the base64 of something,
-- as texts of messages are, the bytes it stands for; texts that were stored before stay as they are.
ALTER TABLE messages RENAME TO messages_before;
CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  at_us INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  bytes_total INTEGER NOT NULL DEFAULT 0,
  since_us INTEGER NOT NULL DEFAULT 0,
  batch INTEGER NOT NULL DEFAULT 0,
  attributes BLOB NOT NULL,
  data TEXT NOT NULL,
  log INTEGER GENERATED ALWAYS AS (id >> 44) VIRTUAL,
  offset INTEGER GENERATED ALWAYS AS (id & 17592186044415) VIRTUAL
);
-- A number that would not fit is refused, by a NULL: no topic has ever had as many messages.
INSERT INTO messages (id, at_us, upto, attributes, data)
SELECT (log << 44) + offset, iif(log < 524288 AND offset < 17592186044416, at_us, NULL), upto, attributes, data
FROM messages_before ORDER BY log, offset;
DROP TABLE messages_before;

-- Logs as they stand. The row of one is written when something else than an append changes it; what was appended behind
-- its `end` is told by the last message.
CREATE VIEW whole_logs AS
SELECT l.id, l.uid, l.first, coalesce(m.offset + 1, l."end") AS "end", coalesce(m.bytes_total, l.bytes_total) AS bytes_total,
  coalesce(m.upto, l.upto) AS upto, l.stored_bytes + coalesce(m.upto - l.upto, 0) AS stored_bytes,
  coalesce(m.at_us, l.last_publish_us) AS last_publish_us,
  coalesce(m.at_us - m.since_us, l.previous_publish_us) AS previous_publish_us,
  coalesce(m.batch, l.last_batch) AS last_batch, l.created_us, l.gone, l.ahead_us
FROM logs AS l LEFT JOIN messages AS m
ON m.id = (SELECT max(id) FROM messages WHERE id >= (l.id << 44) + l."end" AND id < (l.id + 1) << 44);
