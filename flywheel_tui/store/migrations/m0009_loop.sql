-- The closed loop: runs of cycles, what each phase made, failure traces, the scenarios they became.

-- One `flywheel run`: its configuration, and where it stands. Cycles are numbered through the whole workspace.
CREATE TABLE cycle_run (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  config TEXT NOT NULL CHECK (json_valid(config)),
  config_hash TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'waiting', 'done', 'failed', 'abandoned')),
  stop_reason TEXT,
  awaits TEXT CHECK (awaits IS NULL OR json_valid(awaits)),
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  finished INTEGER
) STRICT;
CREATE INDEX cycle_run_open ON cycle_run (config_hash) WHERE state IN ('running', 'waiting', 'failed');

ALTER TABLE cycle ADD COLUMN run_id INTEGER REFERENCES cycle_run (id);
ALTER TABLE cycle ADD COLUMN summary TEXT CHECK (summary IS NULL OR json_valid(summary));
CREATE INDEX cycle_by_run ON cycle (run_id, number) WHERE run_id IS NOT NULL;

ALTER TABLE phase_run ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE phase_run ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE phase_run ADD COLUMN awaits TEXT CHECK (awaits IS NULL OR json_valid(awaits));
ALTER TABLE phase_run ADD COLUMN items INTEGER;
ALTER TABLE phase_run ADD COLUMN busy_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE phase_run ADD COLUMN waited_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE phase_run ADD COLUMN cost_micro INTEGER NOT NULL DEFAULT 0;
ALTER TABLE phase_run ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;

-- What a phase made, named by the hash of what it says: no time, no row number and no machine is part of it.
CREATE TABLE artefact (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  phase TEXT NOT NULL,
  parents TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(parents)),
  body TEXT NOT NULL CHECK (json_valid(body)),
  created INTEGER NOT NULL
) STRICT;

-- A failure that was seen: what was asked, what came, which kind of error. `score` is that of implicit feedback.
CREATE TABLE trace (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  origin TEXT NOT NULL CHECK (origin IN ('trace', 'pair', 'judge', 'evaluation')),
  pair_id INTEGER REFERENCES pair (id),
  request TEXT NOT NULL,
  answer TEXT,
  expected TEXT,
  error_kind TEXT NOT NULL,
  detail TEXT,
  signals TEXT CHECK (signals IS NULL OR json_valid(signals)),
  score REAL CHECK (score IS NULL OR score BETWEEN -1 AND 1),
  seen INTEGER NOT NULL DEFAULT 1,
  cycle INTEGER,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX trace_by_kind ON trace (error_kind);

CREATE TABLE scenario (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  title TEXT NOT NULL,
  error_kind TEXT NOT NULL,
  rubric TEXT NOT NULL CHECK (json_valid(rubric)),
  created INTEGER NOT NULL
) STRICT;
-- Where a trace belongs. A merge moves no row: what was merged says into what.
CREATE TABLE scenario_trace (
  trace_id INTEGER PRIMARY KEY REFERENCES trace (id),
  scenario_id INTEGER NOT NULL REFERENCES scenario (id)
) STRICT;
CREATE INDEX scenario_trace_by_scenario ON scenario_trace (scenario_id);

-- What was decided about a scenario, by whom and why: never changed. The newest says how it stands.
CREATE TABLE scenario_event (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  scenario_id INTEGER NOT NULL REFERENCES scenario (id),
  action TEXT NOT NULL CHECK (action IN ('approved', 'rejected', 'merged', 'rubric')),
  reviewer TEXT NOT NULL CHECK (length(trim(reviewer)) > 0),
  source TEXT NOT NULL CHECK (source IN ('human', 'script')),
  reason TEXT NOT NULL,
  into_id INTEGER REFERENCES scenario (id),
  rubric TEXT CHECK (rubric IS NULL OR json_valid(rubric)),
  at INTEGER NOT NULL,
  CHECK ((action = 'merged') = (into_id IS NOT NULL)),
  CHECK ((action = 'rubric') = (rubric IS NOT NULL))
) STRICT;
CREATE INDEX scenario_event_by_scenario ON scenario_event (scenario_id, id);
CREATE TRIGGER scenario_event_no_update BEFORE UPDATE ON scenario_event BEGIN
  SELECT RAISE (ABORT, 'decisions on scenarios are append-only');
END;
CREATE TRIGGER scenario_event_no_delete BEFORE DELETE ON scenario_event BEGIN
  SELECT RAISE (ABORT, 'decisions on scenarios are append-only');
END;
