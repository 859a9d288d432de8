-- name: marks
-- How far the index is filled.
SELECT name, upto FROM search_marks;

-- name: put_marks
-- Note how far it is filled; who is behind moves nothing back.
INSERT INTO search_marks (name, upto) SELECT * FROM unnest(%s::text[], %s::int8[])
ON CONFLICT (name) DO UPDATE SET upto = greatest(search_marks.upto, excluded.upto);

-- name: standing
-- The documents that have some numbers.
SELECT number, kind, topic_uid, place FROM search_documents WHERE number = ANY(%s);

-- name: add
-- Take documents in, those that are there already once.
INSERT INTO search_documents (number, kind, topic_uid, place, id, rule, destination, key, words)
SELECT number, kind, topic_uid, place, id, rule, destination, key, to_tsvector('simple', text)
FROM unnest(%s::int8[], %s::text[], %s::text[], %s::int8[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
  AS given (number, kind, topic_uid, place, id, rule, destination, key, text)
ON CONFLICT (number) DO NOTHING;

-- name: by_words
-- Documents with words, newest first; NULL fits all.
SELECT number, kind, topic_uid, place, id FROM search_documents
WHERE words @@ %(match)s::tsquery AND number >= %(first)s AND number < %(behind)s
  AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY number DESC LIMIT %(limit)s;

-- name: by_time
-- Documents whatever they say, newest first; NULL fits all.
SELECT number, kind, topic_uid, place, id FROM search_documents
WHERE number >= %(first)s AND number < %(behind)s
  AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(topic_uid)s::text IS NULL OR topic_uid = %(topic_uid)s)
  AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(destination)s::text IS NULL OR destination = %(destination)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY number DESC LIMIT %(limit)s;

-- name: forget
-- Remove the first documents of a kind that are below a number.
DELETE FROM search_documents WHERE number IN (
  SELECT number FROM search_documents WHERE number < %s AND kind = %s ORDER BY number LIMIT %s
);

-- name: clear_documents
-- Remove all documents.
DELETE FROM search_documents;

-- name: clear_marks
-- Begin anew.
DELETE FROM search_marks;
