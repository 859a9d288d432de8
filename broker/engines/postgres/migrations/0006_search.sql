-- The words of messages and deliveries, filled behind the line and made anew when it is lost. `number` orders documents by
-- their time.
CREATE TABLE search_documents (
  number bigint PRIMARY KEY,
  kind text COLLATE "C" NOT NULL,
  topic_uid text COLLATE "C" NOT NULL,
  place bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  destination text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  words tsvector NOT NULL
);
CREATE INDEX search_words ON search_documents USING gin (words);
CREATE TABLE search_marks (name text COLLATE "C" PRIMARY KEY, upto bigint NOT NULL);
ALTER TABLE search_documents SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
