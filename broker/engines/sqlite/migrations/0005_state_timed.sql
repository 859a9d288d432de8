-- Rows of state that have a due time, such as open incidents, found without reading what else is remembered.

CREATE INDEX state_timed ON state (key) WHERE due_us IS NOT NULL;
