-- name: marks
-- How far the index is filled.
SELECT name, upto FROM marks;

-- name: put_mark
-- Note how far it is filled.
INSERT OR REPLACE INTO marks (name, upto) VALUES (?, ?);

-- name: standing
-- The document that has a number.
SELECT kind, topic_uid, place FROM documents WHERE number = ?;

-- name: add_document
-- Take a document in.
INSERT INTO documents (number, kind, topic_uid, place, id, rule, destination, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_words
-- Take its words in.
INSERT INTO words (rowid, text) VALUES (?, ?);

-- name: by_words
-- Documents with words, newest first; NULL fits all.
SELECT d.number, d.kind, d.topic_uid, d.place, d.id
FROM words AS w JOIN documents AS d ON d.number = w.rowid
WHERE w.text MATCH :match AND w.rowid >= :first AND w.rowid < :behind
  AND (:kind IS NULL OR d.kind = :kind) AND (:topic_uid IS NULL OR d.topic_uid = :topic_uid)
  AND (:rule IS NULL OR d.rule = :rule) AND (:destination IS NULL OR d.destination = :destination)
  AND (:key IS NULL OR d.key = :key)
ORDER BY w.rowid DESC LIMIT :limit;

-- name: by_time
-- Documents whatever they say, newest first; NULL fits all.
SELECT number, kind, topic_uid, place, id FROM documents
WHERE number >= :first AND number < :behind
  AND (:kind IS NULL OR kind = :kind) AND (:topic_uid IS NULL OR topic_uid = :topic_uid)
  AND (:rule IS NULL OR rule = :rule) AND (:destination IS NULL OR destination = :destination)
  AND (:key IS NULL OR key = :key)
ORDER BY number DESC LIMIT :limit;

-- name: old
-- The first documents of a kind that are below a number.
SELECT number FROM documents WHERE number < ? AND kind = ? ORDER BY number LIMIT ?;

-- name: remove_document
-- Remove a document.
DELETE FROM documents WHERE number = ?;

-- name: remove_words
-- Remove its words.
DELETE FROM words WHERE rowid = ?;
