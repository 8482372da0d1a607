-- Training: one row for each run of a trainer, its figures, and the adapters that came of runs.
CREATE TABLE adapter (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
  training_run_id INTEGER REFERENCES training_run (id),
  base TEXT NOT NULL,
  base_hash TEXT NOT NULL,
  path TEXT NOT NULL,
  method TEXT NOT NULL,
  hash TEXT NOT NULL,
  parent_id INTEGER REFERENCES adapter (id),
  state TEXT NOT NULL DEFAULT 'candidate'
    CHECK (state IN ('candidate', 'promoted', 'refused', 'rolled_back', 'retired')),
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX adapter_by_state ON adapter (state, id);

-- `plan` holds the exact arguments of the worker; `folder` and `checkpoint` are relative to the workspace.
-- A run is alive while its folder's lock is held: state says what was last written, the lock what is true.
CREATE TABLE training_run (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  name TEXT NOT NULL,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  snapshot_id INTEGER REFERENCES snapshot (id),
  job_id INTEGER REFERENCES job (id),
  parent_id INTEGER REFERENCES adapter (id),
  method TEXT NOT NULL CHECK (method IN ('sft', 'dpo', 'kto')),
  base TEXT NOT NULL,
  base_hash TEXT NOT NULL,
  plan TEXT NOT NULL CHECK (json_valid(plan)),
  seed INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'stopped', 'interrupted', 'failed', 'done')),
  phase TEXT,
  step INTEGER NOT NULL DEFAULT 0,
  steps INTEGER,
  pid INTEGER,
  pgid INTEGER,
  folder TEXT NOT NULL,
  checkpoint TEXT,
  reason TEXT,
  totals TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(totals)),
  created INTEGER NOT NULL,
  started INTEGER,
  updated INTEGER NOT NULL,
  finished INTEGER
) STRICT;
CREATE INDEX training_run_by_dataset ON training_run (dataset_id, id);
CREATE INDEX training_run_by_job ON training_run (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE metric (
  run_id INTEGER NOT NULL REFERENCES training_run (id),
  name TEXT NOT NULL,
  step INTEGER NOT NULL,
  value REAL NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (run_id, name, step)
) STRICT, WITHOUT ROWID;

-- What a tier was given for: the calibrated probability of passing, and the weight that its preset gives.
ALTER TABLE pair_current ADD COLUMN quality_p REAL CHECK (quality_p IS NULL OR quality_p BETWEEN 0 AND 1);
ALTER TABLE pair_current ADD COLUMN weight REAL CHECK (weight IS NULL OR weight >= 0);
CREATE INDEX pair_current_by_tier ON pair_current (dataset_id, tier) WHERE tier IS NOT NULL;
