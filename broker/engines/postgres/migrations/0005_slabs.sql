-- Messages lie in slabs: 0 is the table `messages` itself, which holds what came before there were slabs; every other one
-- is a table `messages_<slab>` that inherits from it, is filled by all topics until the next one is opened, and is dropped
-- once retention has passed all of it. The daemon names the table it means, so that nothing is asked of the others.
CREATE TABLE slabs (
  slab bigint PRIMARY KEY,
  opens_us bigint,
  waits_since_us bigint
);
CREATE SEQUENCE slab_number;

-- From which offset on a log lies in which slab; before the first of them, in slab 0. Rows are added and removed, and never
-- change.
CREATE TABLE log_slabs (
  log bigint NOT NULL,
  first_offset bigint NOT NULL,
  slab bigint NOT NULL,
  PRIMARY KEY (log, first_offset)
);
CREATE INDEX log_slabs_slab ON log_slabs (slab);

-- In which slab a log's last message lies.
ALTER TABLE logs ADD COLUMN slab bigint NOT NULL DEFAULT 0;
