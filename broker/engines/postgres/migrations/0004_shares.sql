-- What a node could run, as one number: a look of a node asks who lives and how many could run the same, each second, and
-- reads the names behind a number only when it meets it for the first time.
ALTER TABLE nodes ADD COLUMN wants_sum bigint GENERATED ALWAYS AS (hash_array_extended(wants, 0)) STORED;
CREATE INDEX workers_holder ON workers (holder);
