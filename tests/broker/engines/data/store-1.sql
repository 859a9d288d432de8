PRAGMA application_id = 1095586626;
BEGIN TRANSACTION;
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
INSERT INTO "attempts" VALUES(1,1,1767225600000000,1500,'delivered','',1,0,'');
CREATE TABLE balances (
  topic_uid TEXT NOT NULL,
  destination TEXT NOT NULL,
  state TEXT NOT NULL,
  by TEXT NOT NULL,
  deliveries INTEGER NOT NULL,
  stands_for INTEGER NOT NULL,
  PRIMARY KEY (topic_uid, destination, state, by)
) WITHOUT ROWID;
INSERT INTO "balances" VALUES('11111111-1111-4111-8111-111111111111','ops','delivered','',1,1);
INSERT INTO "balances" VALUES('11111111-1111-4111-8111-111111111111','ops','waiting','',1,1);
CREATE TABLE catalog (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  version INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  body BLOB,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
INSERT INTO "catalog" VALUES('project','EGI',1,1,1,X'7B22756964223A227569642D6F662D454749222C22637265617465645F7573223A313736373232353630303030303030302C226D6F6469666965645F7573223A313736373232353630303030303030302C22637265617465645F6279223A22222C226E616D65223A22454749222C226465736372697074696F6E223A22227D');
INSERT INTO "catalog" VALUES('project','gone',0,0,3,NULL);
CREATE TABLE counters (
  topic_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (topic_uid, name)
) WITHOUT ROWID;
INSERT INTO "counters" VALUES('11111111-1111-4111-8111-111111111111','decided',2);
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
INSERT INTO "cursors" VALUES('r/11111111-1111-4111-8111-111111111111',3,1,0,0,0,0,0,0.0);
INSERT INTO "cursors" VALUES('s/x',2,1,0,0,0,0,0,0.0);
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
INSERT INTO "decisions" VALUES(1,'11111111-1111-4111-8111-111111111111',0,0,'registry',0,'ops','host-1','sent','',1767225600000000,'v1');
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
INSERT INTO "deliveries" VALUES(1,'d1','m/11111111-1111-4111-8111-111111111111/d1/0','registry',0,0,1,'firing','host-1','',1,'11111111-1111-4111-8111-111111111111',0,'v1',X'7B22686F7374223A22686F73742D31227D','critical',1767225600000000,1767225600000000,X'7B2274657874223A22646F776E227D');
INSERT INTO "deliveries" VALUES(2,'d2','m/11111111-1111-4111-8111-111111111111/d2/0','registry',0,0,1,'firing','host-1','',1,'11111111-1111-4111-8111-111111111111',0,'v1',X'7B22686F7374223A22686F73742D31227D','critical',1767225600000000,1767225600000000,X'7B2274657874223A22646F776E227D');
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
INSERT INTO "logs" VALUES(1,'11111111-1111-4111-8111-111111111111',1,4,24,39,31,1767225600000000,0,4,1767225600000000,0);
CREATE TABLE messages (
  log INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  data TEXT NOT NULL,
  attributes BLOB NOT NULL,
  PRIMARY KEY (log, offset)
) WITHOUT ROWID;
INSERT INTO "messages" VALUES(1,1,1767225600000000,12,'b25l',X'');
INSERT INTO "messages" VALUES(1,2,1767225600000000,31,'dHdv',X'7B226B696E64223A2274657374227D');
INSERT INTO "messages" VALUES(1,3,1767225600000000,39,'dGhyZWU=',X'');
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "numbers" VALUES('catalog',3);
INSERT INTO "numbers" VALUES('decision',1);
INSERT INTO "numbers" VALUES('delivery',2);
INSERT INTO "numbers" VALUES('state',1);
CREATE TABLE producer_keys (
  log INTEGER NOT NULL,
  key TEXT NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  publish_time_us INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (log, key)
) WITHOUT ROWID;
INSERT INTO "producer_keys" VALUES(1,'key',0,4,1767225600000000,1767225600000000);
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
INSERT INTO "progress" VALUES(1,'ops','host-1',1,1,0,'delivered',1767225630000000,0,1,1,1,'','',1767225600000000,1767225600000000,0,0);
INSERT INTO "progress" VALUES(2,'ops','host-1',1,2,1,'waiting',1767225600000000,0,0,0,0,'','',0,0,0,0);
CREATE TABLE receipts (
  destination TEXT NOT NULL,
  order_key TEXT NOT NULL,
  receipt TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (destination, order_key)
) WITHOUT ROWID;
INSERT INTO "receipts" VALUES('ops','host-1','post-1',1767225600000000);
CREATE TABLE state (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  rule TEXT NOT NULL,
  topic_uid TEXT NOT NULL,
  due_us INTEGER,
  expires_us INTEGER NOT NULL,
  value BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "state" VALUES('k',1,'registry','11111111-1111-4111-8111-111111111111',1767225600000000,1767830400000000,X'76616C7565');
CREATE TABLE state_counts (rule TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "state_counts" VALUES('registry',1);
CREATE INDEX producer_keys_at ON producer_keys (at_us);
CREATE INDEX deliveries_message ON deliveries (topic_uid, offset);
CREATE INDEX deliveries_created ON deliveries (created_us);
CREATE INDEX progress_head ON progress (destination, priority, due_us) WHERE head = 1;
CREATE INDEX progress_line ON progress (destination, order_key, place) WHERE state = 'waiting';
CREATE INDEX progress_settled ON progress (settled_us) WHERE state <> 'waiting';
CREATE INDEX progress_dead ON progress (seq) WHERE state = 'dead';
CREATE VIEW whole_deliveries AS
SELECT d.id, d.origin, d.rule, d.send, d.part, d.parts, p.destination, p.order_key, p.priority, d.post, d.phase, d.key,
  d.incident, d.stands_for, d.topic_uid, d.offset, d.version, d.places, d.severity, d.due_us AS first_due_us,
  d.created_us, p.late, p.seq, p.state, p.due_us, p.attempts, p.tries, p.form, p.by, p.leased, p.settled_us,
  p.first_tried_us, p.unclear, p.lease, p.head, p.place
FROM progress AS p JOIN deliveries AS d ON d.seq = p.seq;
CREATE INDEX receipts_at ON receipts (at_us);
CREATE INDEX state_due ON state (topic_uid, due_us) WHERE due_us IS NOT NULL;
CREATE INDEX state_expires ON state (expires_us);
CREATE INDEX decisions_message ON decisions (topic_uid, offset);
CREATE INDEX decisions_at ON decisions (at_us);
CREATE UNIQUE INDEX catalog_seq ON catalog (seq);
COMMIT;
PRAGMA user_version = 1;
