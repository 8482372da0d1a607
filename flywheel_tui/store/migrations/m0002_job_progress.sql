-- The last two minutes of a job's progress, one row a second in a ring (slot = second modulo 120), so that rate and
-- remaining time are computed from what happened lately and no row is ever deleted.
CREATE TABLE job_progress (
  job_id INTEGER NOT NULL REFERENCES job (id),
  slot INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  at INTEGER NOT NULL,
  phase TEXT,
  done INTEGER NOT NULL,
  PRIMARY KEY (job_id, slot)
) STRICT, WITHOUT ROWID;
