-- The first schema. Times are microseconds since the epoch, UTC.

-- One row for each topic that was ever written to; `gone` ones are remembered so that nobody writes to them again.
-- `upto` counts the bytes of text and attributes ever stored, as each message row does up to itself.
CREATE TABLE logs (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  first INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  bytes_total INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  last_publish_us INTEGER NOT NULL,
  previous_publish_us INTEGER NOT NULL,
  last_batch INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  gone INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE messages (
  log INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  data TEXT NOT NULL,
  attributes BLOB NOT NULL,
  PRIMARY KEY (log, offset)
) WITHOUT ROWID;

-- Batches that came with a key, so that a repeat is answered and not stored again.
CREATE TABLE producer_keys (
  log INTEGER NOT NULL,
  key TEXT NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  publish_time_us INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (log, key)
) WITHOUT ROWID;
CREATE INDEX producer_keys_at ON producer_keys (at_us);

CREATE TABLE cursors (
  id TEXT PRIMARY KEY,
  offset INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  pending_to INTEGER NOT NULL,
  pending_at_us INTEGER NOT NULL,
  messages_total INTEGER NOT NULL,
  bytes_total INTEGER NOT NULL,
  last_consumed_us INTEGER NOT NULL,
  consume_rate REAL NOT NULL
) WITHOUT ROWID;

-- What was decided and never changes. What becomes of it stands in `progress`, whose rows are small.
CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  origin TEXT NOT NULL,
  rule TEXT NOT NULL,
  send INTEGER NOT NULL,
  part INTEGER NOT NULL,
  parts INTEGER NOT NULL,
  phase TEXT NOT NULL,
  key TEXT NOT NULL,
  incident TEXT NOT NULL,
  stands_for INTEGER NOT NULL,
  topic_uid TEXT NOT NULL,
  offset INTEGER NOT NULL,
  version TEXT NOT NULL,
  places BLOB NOT NULL,
  severity TEXT NOT NULL,
  due_us INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  post BLOB NOT NULL,
  UNIQUE (origin, rule, send, part)
);
CREATE INDEX deliveries_message ON deliveries (topic_uid, offset);
CREATE INDEX deliveries_created ON deliveries (created_us);

-- `place` orders the line of a destination and order key; `head` marks the first of the line. While `leased`, `due_us`
-- is the end of the lease, and `lease` its number.
CREATE TABLE progress (
  seq INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  order_key TEXT NOT NULL,
  priority INTEGER NOT NULL,
  place INTEGER NOT NULL,
  head INTEGER NOT NULL,
  state TEXT NOT NULL,
  due_us INTEGER NOT NULL,
  leased INTEGER NOT NULL DEFAULT 0,
  lease INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  form TEXT NOT NULL DEFAULT '',
  by TEXT NOT NULL DEFAULT '',
  settled_us INTEGER NOT NULL DEFAULT 0,
  first_tried_us INTEGER NOT NULL DEFAULT 0,
  unclear INTEGER NOT NULL DEFAULT 0,
  late INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX progress_head ON progress (destination, priority, due_us) WHERE head = 1;
CREATE INDEX progress_line ON progress (destination, order_key, place) WHERE state = 'waiting';
CREATE INDEX progress_settled ON progress (settled_us) WHERE state <> 'waiting';
CREATE INDEX progress_dead ON progress (seq) WHERE state = 'dead';

-- Deliveries whole, in the order of our records' fields.
CREATE VIEW whole_deliveries AS
SELECT d.id, d.origin, d.rule, d.send, d.part, d.parts, p.destination, p.order_key, p.priority, d.post, d.phase, d.key,
  d.incident, d.stands_for, d.topic_uid, d.offset, d.version, d.places, d.severity, d.due_us AS first_due_us,
  d.created_us, p.late, p.seq, p.state, p.due_us, p.attempts, p.tries, p.form, p.by, p.leased, p.settled_us,
  p.first_tried_us, p.unclear, p.lease, p.head, p.place
FROM progress AS p JOIN deliveries AS d ON d.seq = p.seq;

CREATE TABLE attempts (
  delivery INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  took_us INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  counted INTEGER NOT NULL,
  unclear INTEGER NOT NULL,
  form TEXT NOT NULL,
  PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

CREATE TABLE receipts (
  destination TEXT NOT NULL,
  order_key TEXT NOT NULL,
  receipt TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (destination, order_key)
) WITHOUT ROWID;
CREATE INDEX receipts_at ON receipts (at_us);

-- The books over every delivery that ever was, kept in the transactions that change deliveries.
CREATE TABLE balances (
  topic_uid TEXT NOT NULL,
  destination TEXT NOT NULL,
  state TEXT NOT NULL,
  by TEXT NOT NULL,
  deliveries INTEGER NOT NULL,
  stands_for INTEGER NOT NULL,
  PRIMARY KEY (topic_uid, destination, state, by)
) WITHOUT ROWID;

CREATE TABLE state (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  rule TEXT NOT NULL,
  topic_uid TEXT NOT NULL,
  due_us INTEGER,
  expires_us INTEGER NOT NULL,
  value BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX state_due ON state (topic_uid, due_us) WHERE due_us IS NOT NULL;
CREATE INDEX state_expires ON state (expires_us);

-- How many rows of state each rule holds.
CREATE TABLE state_counts (rule TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE decisions (
  seq INTEGER PRIMARY KEY,
  topic_uid TEXT NOT NULL,
  offset INTEGER NOT NULL,
  item INTEGER NOT NULL,
  rule TEXT NOT NULL,
  send INTEGER NOT NULL,
  destination TEXT NOT NULL,
  key TEXT NOT NULL,
  outcome TEXT NOT NULL,
  by TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  version TEXT NOT NULL
);
CREATE INDEX decisions_message ON decisions (topic_uid, offset);
CREATE INDEX decisions_at ON decisions (at_us);

CREATE TABLE counters (
  topic_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (topic_uid, name)
) WITHOUT ROWID;

-- `place` keeps the order of creation through renames. A removed key stays with an empty body, for the change feed.
CREATE TABLE catalog (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  version INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  body BLOB,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX catalog_seq ON catalog (seq);

-- The last number given of each sequence: delivery, decision, catalog, state.
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
