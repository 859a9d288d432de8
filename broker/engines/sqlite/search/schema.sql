-- The index of words. `number` orders documents by their time; `words` has the text of each under the same number.

CREATE TABLE marks (name TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE documents (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  topic_uid TEXT NOT NULL,
  place INTEGER NOT NULL,
  id TEXT NOT NULL,
  rule TEXT NOT NULL,
  destination TEXT NOT NULL,
  key TEXT NOT NULL
);

CREATE VIRTUAL TABLE words USING fts5(text, tokenize = "unicode61 remove_diacritics 0");
