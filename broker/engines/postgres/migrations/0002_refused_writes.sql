-- Writes that came too late: by a worker whose token held no longer. None of them is in; each was refused by the
-- transaction that would have made it.
CREATE TABLE refused_writes (
  worker text COLLATE "C" NOT NULL,
  token bigint NOT NULL,
  writes bigint NOT NULL,
  at_us bigint NOT NULL,
  PRIMARY KEY (worker, token)
);
