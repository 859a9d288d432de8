-- The first schema. Times are microseconds since the epoch, UTC; what is compared with the time is steady time
-- (broker/steady.py), and `offset_us` beside it how far the wall clock was ahead of that when it was told.
-- Texts compare by their bytes, as they do in the other engines. Rows that change often leave room in their pages, so
-- that a change stays in its page and touches no index.

-- Locks by name: a transaction takes those of what it will change, in their order, before it looks at anything
-- (locks.py). They are rows, and not advisory locks, so that any database with row locks will do.
CREATE TABLE lock_slots (slot integer PRIMARY KEY);
INSERT INTO lock_slots SELECT * FROM generate_series(0, 1023);

-- Who writes, and the last batch of each that is in: what is asked when the answer to a COMMIT was lost.
CREATE TABLE writers (
  id text COLLATE "C" PRIMARY KEY,
  batch bigint NOT NULL,
  at_us bigint NOT NULL
) WITH (fillfactor = 50);

-- Every node that ever opened the store: its `incarnation` counts its starts, `until_us` (the database's own clock) is
-- how long it is taken to be alive, `wants` the workers that it could run.
CREATE TABLE nodes (
  name text COLLATE "C" PRIMARY KEY,
  incarnation bigint NOT NULL,
  holder bigint NOT NULL,
  until_us bigint NOT NULL,
  since_us bigint NOT NULL,
  wants text[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE SEQUENCE holder_number;

-- Which node runs which worker. `token` rises whenever it changes hands.
CREATE TABLE workers (
  name text COLLATE "C" PRIMARY KEY,
  holder bigint NOT NULL,
  node text COLLATE "C" NOT NULL,
  token bigint NOT NULL,
  since_us bigint NOT NULL,
  taken_from text COLLATE "C" NOT NULL DEFAULT ''
);

-- One row for each topic that was ever written to; `gone` ones are remembered so that nobody writes to them again.
-- `upto` counts the bytes of text and attributes ever stored, as each message row does up to itself.
CREATE TABLE logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uid text COLLATE "C" NOT NULL UNIQUE,
  first_offset bigint NOT NULL DEFAULT 0,
  end_offset bigint NOT NULL DEFAULT 0,
  bytes_total bigint NOT NULL DEFAULT 0,
  upto bigint NOT NULL DEFAULT 0,
  stored_bytes bigint NOT NULL DEFAULT 0,
  last_publish_us bigint NOT NULL DEFAULT 0,
  previous_publish_us bigint NOT NULL DEFAULT 0,
  last_batch bigint NOT NULL DEFAULT 0,
  created_us bigint NOT NULL,
  gone boolean NOT NULL DEFAULT false,
  ahead_us bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE messages (
  log bigint NOT NULL,
  msg_offset bigint NOT NULL,
  at_us bigint NOT NULL,
  upto bigint NOT NULL,
  data text COLLATE "C" NOT NULL,
  attributes bytea NOT NULL,
  PRIMARY KEY (log, msg_offset)
);
ALTER TABLE messages ALTER COLUMN data SET STORAGE EXTERNAL; -- mostly base64, which hardly shrinks

-- How far publish times of a log are ahead of steady time, from an offset on; in `logs`, at its end.
CREATE TABLE publish_offsets (
  log bigint NOT NULL,
  msg_offset bigint NOT NULL,
  ahead_us bigint NOT NULL,
  PRIMARY KEY (log, msg_offset)
);

-- Batches that came with a key, so that a repeat is answered and not stored again.
CREATE TABLE producer_keys (
  log bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  first_offset bigint NOT NULL,
  messages bigint NOT NULL,
  publish_time_us bigint NOT NULL,
  at_us bigint NOT NULL,
  PRIMARY KEY (log, key)
);
CREATE INDEX producer_keys_at ON producer_keys (at_us);

CREATE TABLE cursors (
  id text COLLATE "C" PRIMARY KEY,
  at_offset bigint NOT NULL,
  rev bigint NOT NULL,
  pending_to bigint NOT NULL,
  pending_at_us bigint NOT NULL,
  messages_total bigint NOT NULL,
  bytes_total bigint NOT NULL,
  last_consumed_us bigint NOT NULL,
  consume_rate double precision NOT NULL
) WITH (fillfactor = 50);

-- What was decided and never changes. What becomes of it stands in `progress`, whose rows are small.
CREATE TABLE deliveries (
  seq bigint PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  origin text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  send bigint NOT NULL,
  part bigint NOT NULL,
  parts bigint NOT NULL,
  phase text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  incident text COLLATE "C" NOT NULL,
  stands_for bigint NOT NULL,
  topic_uid text COLLATE "C" NOT NULL,
  msg_offset bigint NOT NULL,
  version text COLLATE "C" NOT NULL,
  places bytea NOT NULL,
  severity text COLLATE "C" NOT NULL,
  due_us bigint NOT NULL,
  created_us bigint NOT NULL,
  post bytea NOT NULL,
  UNIQUE (origin, rule, send, part)
);
CREATE INDEX deliveries_message ON deliveries (topic_uid, msg_offset);
CREATE INDEX deliveries_created ON deliveries (created_us);
CREATE INDEX deliveries_incident ON deliveries (incident) WHERE incident <> '';
CREATE SEQUENCE delivery_number;

-- `place` orders the line of a destination and order key; `head` marks the first of the line. While `leased`, `due_us`
-- is the end of the lease, `lease` its number, and `holder` who has it.
CREATE TABLE progress (
  seq bigint PRIMARY KEY,
  destination text COLLATE "C" NOT NULL,
  order_key text COLLATE "C" NOT NULL,
  priority bigint NOT NULL,
  place bigint NOT NULL,
  head boolean NOT NULL,
  state text COLLATE "C" NOT NULL,
  due_us bigint NOT NULL,
  leased boolean NOT NULL DEFAULT false,
  lease bigint NOT NULL DEFAULT 0,
  holder bigint NOT NULL DEFAULT 0,
  attempts bigint NOT NULL DEFAULT 0,
  tries bigint NOT NULL DEFAULT 0,
  form text COLLATE "C" NOT NULL DEFAULT '',
  by text COLLATE "C" NOT NULL DEFAULT '',
  settled_us bigint NOT NULL DEFAULT 0,
  first_tried_us bigint NOT NULL DEFAULT 0,
  unclear boolean NOT NULL DEFAULT false,
  late boolean NOT NULL DEFAULT false,
  offset_us bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX progress_head ON progress (destination, priority, due_us, seq) WHERE head;
CREATE INDEX progress_line ON progress (destination, order_key, place) WHERE state = 'waiting';
CREATE INDEX progress_place ON progress (destination, place) WHERE state = 'waiting';
CREATE INDEX progress_leased ON progress (holder) WHERE leased;
CREATE INDEX progress_settled ON progress (settled_us) WHERE state <> 'waiting';
CREATE INDEX progress_dead ON progress (seq) WHERE state = 'dead';
CREATE INDEX progress_shadow ON progress (seq) WHERE state = 'shadow';
CREATE INDEX progress_into ON progress (by) WHERE state IN ('folded', 'cancelled');

-- Deliveries whole, in the order of our records' fields.
CREATE VIEW whole_deliveries AS
SELECT d.id, d.origin, d.rule, d.send, d.part, d.parts, p.destination, p.order_key, p.priority, d.post, d.phase, d.key,
  d.incident, d.stands_for, d.topic_uid, d.msg_offset, d.version, d.places, d.severity, d.due_us AS first_due_us,
  d.created_us, p.late, p.seq, p.state, p.due_us, p.attempts, p.tries, p.form, p.by, p.leased,
  p.settled_us + p.offset_us AS settled_us, p.first_tried_us, p.unclear, p.lease, p.head, p.place
FROM progress AS p JOIN deliveries AS d ON d.seq = p.seq;

CREATE TABLE attempts (
  delivery bigint NOT NULL,
  number bigint NOT NULL,
  at_us bigint NOT NULL,
  took_us bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  counted boolean NOT NULL,
  unclear boolean NOT NULL,
  form text COLLATE "C" NOT NULL,
  PRIMARY KEY (delivery, number)
);

CREATE TABLE receipts (
  destination text COLLATE "C" NOT NULL,
  order_key text COLLATE "C" NOT NULL,
  receipt text COLLATE "C" NOT NULL,
  at_us bigint NOT NULL,
  PRIMARY KEY (destination, order_key)
);
CREATE INDEX receipts_at ON receipts (at_us);

-- The books over every delivery that ever was, kept in the transactions that change deliveries. Each writer adds to
-- rows of its own (`shard`), so that nodes do not wait for each other; the sum over the shards is what holds.
CREATE TABLE balances (
  topic_uid text COLLATE "C" NOT NULL,
  destination text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  by text COLLATE "C" NOT NULL,
  shard integer NOT NULL,
  deliveries bigint NOT NULL,
  stands_for bigint NOT NULL,
  PRIMARY KEY (topic_uid, destination, state, by, shard)
) WITH (fillfactor = 50);

CREATE TABLE state (
  key text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  rule text COLLATE "C" NOT NULL,
  topic_uid text COLLATE "C" NOT NULL,
  due_us bigint,
  expires_us bigint NOT NULL,
  value bytea NOT NULL,
  waits_for text COLLATE "C" NOT NULL DEFAULT '',
  offset_us bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX state_due ON state (topic_uid, due_us, key) WHERE due_us IS NOT NULL;
CREATE INDEX state_expires ON state (expires_us);
CREATE INDEX state_timed ON state (key) WHERE due_us IS NOT NULL;
CREATE INDEX state_waits ON state (key) WHERE waits_for <> '';
CREATE SEQUENCE state_number;

-- How many rows of state each rule holds, by writer as the books are.
CREATE TABLE state_counts (
  rule text COLLATE "C" NOT NULL,
  shard integer NOT NULL,
  held bigint NOT NULL,
  PRIMARY KEY (rule, shard)
) WITH (fillfactor = 50);

CREATE TABLE decisions (
  seq bigint PRIMARY KEY,
  topic_uid text COLLATE "C" NOT NULL,
  msg_offset bigint NOT NULL,
  item bigint NOT NULL,
  rule text COLLATE "C" NOT NULL,
  send bigint NOT NULL,
  destination text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  by text COLLATE "C" NOT NULL,
  at_us bigint NOT NULL,
  version text COLLATE "C" NOT NULL,
  offset_us bigint NOT NULL
);
CREATE INDEX decisions_message ON decisions (topic_uid, msg_offset);
CREATE INDEX decisions_at ON decisions (at_us);
CREATE SEQUENCE decision_number;

CREATE TABLE counters (
  topic_uid text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  shard integer NOT NULL,
  value bigint NOT NULL,
  PRIMARY KEY (topic_uid, name, shard)
) WITH (fillfactor = 50);

-- `place` keeps the order of creation through renames. A removed key stays with no body, for the change feed.
CREATE TABLE catalog (
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  place bigint NOT NULL,
  version bigint NOT NULL,
  seq bigint NOT NULL UNIQUE,
  body bytea,
  PRIMARY KEY (kind, key)
);

-- What both clocks said when they were last looked at, by the run of the machine (0: unknown).
CREATE TABLE clock_marks (
  boot bigint PRIMARY KEY,
  monotonic_us bigint NOT NULL,
  wall_us bigint NOT NULL,
  offset_us bigint NOT NULL,
  newest_us bigint NOT NULL
) WITH (fillfactor = 50);
