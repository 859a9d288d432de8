-- What rules in shadow would have sent is kept among the deliveries and found by its state; a row of state says what it
-- waits for (names, one a line), so that it can be woken when that is over.

CREATE INDEX progress_shadow ON progress (seq) WHERE state = 'shadow';

ALTER TABLE state ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
CREATE INDEX state_waits ON state (waits_for) WHERE waits_for <> '';
