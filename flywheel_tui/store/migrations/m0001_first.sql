-- The first schema. Times are integer microseconds UTC; JSON columns hold what json_valid accepts.
-- Reasons for the shape: docs/decisions/.

CREATE TABLE dataset (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  kind TEXT NOT NULL,
  tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
  created INTEGER NOT NULL,
  deleted INTEGER
) STRICT;
CREATE UNIQUE INDEX dataset_by_name ON dataset (name) WHERE deleted IS NULL;

-- Where pairs came from: one row for each file (or generator run) that was taken in.
CREATE TABLE source (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  layout TEXT,
  fingerprint TEXT,
  rows INTEGER NOT NULL DEFAULT 0,
  added INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  notes TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(notes)),
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX source_by_dataset ON source (dataset_id);

-- What was said, immutable. An edit is a new row whose `supersedes` names the version before.
-- uid of a row from a file: hash over its content and its occurrence within the file, so that the same file
-- taken in twice, or on two machines, names the same pairs.
CREATE TABLE pair (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  uid BLOB NOT NULL CHECK (length(uid) = 16),
  hash BLOB NOT NULL CHECK (length(hash) = 16),
  family BLOB,
  supersedes INTEGER REFERENCES pair (id),
  version INTEGER NOT NULL DEFAULT 1,
  kind TEXT NOT NULL,
  instruction TEXT NOT NULL,
  input TEXT,
  output TEXT,
  body TEXT CHECK (body IS NULL OR json_valid(body)),
  meta TEXT CHECK (meta IS NULL OR json_valid(meta)),
  category TEXT,
  tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
  length INTEGER NOT NULL,
  cycle INTEGER,
  source_id INTEGER REFERENCES source (id),
  line INTEGER,
  author TEXT,
  created INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX pair_by_uid ON pair (dataset_id, uid);
CREATE INDEX pair_by_supersedes ON pair (supersedes) WHERE supersedes IS NOT NULL;
CREATE TRIGGER pair_is_immutable BEFORE UPDATE ON pair BEGIN
  SELECT RAISE (ABORT, 'pairs are immutable: an edit is a new version');
END;

-- One narrow row for each pair that people see: its current version and what is known about it.
-- A projection: status, reviewer, flagged and tags follow from label_event; `id` is the first version's id.
CREATE TABLE pair_current (
  id INTEGER PRIMARY KEY REFERENCES pair (id),
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  position INTEGER NOT NULL,
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  status TEXT NOT NULL DEFAULT 'open'
    CHECK (status IN ('open', 'approved', 'rejected', 'skipped', 'edited', 'disputed')),
  label_source TEXT,
  reviewer TEXT,
  labelled INTEGER,
  flagged INTEGER NOT NULL DEFAULT 0 CHECK (flagged IN (0, 1)),
  adjudicated BLOB,
  tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
  findings INTEGER NOT NULL DEFAULT 0,
  severity TEXT CHECK (severity IN ('info', 'warning', 'error')),
  score REAL,
  passed INTEGER CHECK (passed IN (0, 1)),
  verdict_id INTEGER,
  judge_run_id INTEGER,
  tier TEXT
) STRICT;
CREATE UNIQUE INDEX pair_current_by_position ON pair_current (dataset_id, position);
CREATE INDEX pair_current_by_status ON pair_current (dataset_id, status, position);
CREATE INDEX pair_current_flagged ON pair_current (dataset_id, position) WHERE flagged = 1;
CREATE INDEX pair_current_by_severity ON pair_current (dataset_id, severity, position) WHERE severity IS NOT NULL;
CREATE INDEX pair_current_by_score ON pair_current (dataset_id, score, position) WHERE score IS NOT NULL;
CREATE INDEX pair_current_by_version ON pair_current (pair_id) WHERE pair_id <> id;

CREATE TABLE edge (
  child_id INTEGER NOT NULL REFERENCES pair (id),
  parent_id INTEGER NOT NULL REFERENCES pair (id),
  relation TEXT NOT NULL CHECK (relation IN ('seeded', 'evolved', 'answered', 'edited', 'mutated', 'paired')),
  recipe TEXT,
  template TEXT,
  teacher TEXT,
  params TEXT CHECK (params IS NULL OR json_valid(params)),
  created INTEGER NOT NULL,
  PRIMARY KEY (child_id, parent_id, relation)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_by_parent ON edge (parent_id);

CREATE VIRTUAL TABLE pair_fts USING fts5 (
  instruction, input, output,
  content = 'pair', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

-- Findings of the checks, and how far each check (in this version and configuration) has looked.
CREATE TABLE finding (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  check_name TEXT NOT NULL,
  check_version INTEGER NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
  field TEXT,
  span_start INTEGER,
  span_end INTEGER,
  message TEXT NOT NULL,
  cluster INTEGER,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX finding_by_pair ON finding (pair_id, check_name);
CREATE INDEX finding_by_check ON finding (dataset_id, check_name, severity);
CREATE TABLE check_state (
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  check_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  config TEXT NOT NULL,
  upto INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (dataset_id, check_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE rubric (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL CHECK (json_valid(body)),
  created INTEGER NOT NULL,
  UNIQUE (name, version, hash)
) STRICT;
CREATE TABLE judge (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  backend TEXT NOT NULL,
  model TEXT NOT NULL,
  rubric_id INTEGER REFERENCES rubric (id),
  params TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params)),
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE judge_run (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  tag TEXT NOT NULL,
  judge_id INTEGER REFERENCES judge (id),
  created INTEGER NOT NULL,
  UNIQUE (dataset_id, tag)
) STRICT;
-- A verdict is whole or it is not here; a failure is a row of judge_error, which no query can mistake for one.
CREATE TABLE verdict (
  id INTEGER PRIMARY KEY,
  judge_run_id INTEGER NOT NULL REFERENCES judge_run (id),
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  score REAL CHECK (score IS NULL OR (score = score AND abs(score) < 1e308)),
  passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
  scores TEXT CHECK (scores IS NULL OR json_valid(scores)),
  rationale TEXT,
  "order" INTEGER NOT NULL DEFAULT 0,
  repeat INTEGER NOT NULL DEFAULT 0,
  tokens_in INTEGER,
  tokens_out INTEGER,
  cost_micro INTEGER,
  latency_ms INTEGER,
  created INTEGER NOT NULL,
  UNIQUE (judge_run_id, pair_id, "order", repeat)
) STRICT;
CREATE INDEX verdict_by_pair ON verdict (pair_id);
CREATE TABLE judge_error (
  id INTEGER PRIMARY KEY,
  judge_run_id INTEGER NOT NULL REFERENCES judge_run (id),
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  kind TEXT NOT NULL,
  detail TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 1,
  created INTEGER NOT NULL,
  UNIQUE (judge_run_id, pair_id)
) STRICT;

CREATE TABLE reviewer (
  name TEXT PRIMARY KEY,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A sitting at the label screen: what was asked for and where it stopped, so that one can go on there.
CREATE TABLE session (
  uid BLOB PRIMARY KEY CHECK (length(uid) = 16),
  reviewer TEXT NOT NULL,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  queue TEXT NOT NULL CHECK (json_valid(queue)),
  cursor INTEGER,
  started INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  ended INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_reviewer ON session (reviewer, dataset_id, seen);

-- A bulk action: undone as one.
CREATE TABLE batch (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  kind TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  expression TEXT,
  status TEXT,
  reasons TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(reasons)),
  matched INTEGER NOT NULL DEFAULT 0,
  changed INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  created INTEGER NOT NULL,
  finished INTEGER
) STRICT;
CREATE INDEX batch_by_reviewer ON batch (reviewer, created);

-- Everything a reviewer (or judge, or script) did, in order, never changed.
-- `edited_id`: the version this decision made. `undoes`: the uid of the event, or of the batch, taken back.
CREATE TABLE label_event (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  action TEXT NOT NULL CHECK (action IN ('label', 'adjudicate', 'undo', 'presented')),
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  root_id INTEGER REFERENCES pair_current (id),
  pair_id INTEGER REFERENCES pair (id),
  reviewer TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('human', 'judge', 'script', 'import')),
  status TEXT CHECK (status IN ('approved', 'rejected', 'skipped', 'edited')),
  preference TEXT CHECK (preference IN ('a', 'b', 'tie', 'neither')),
  rating INTEGER,
  answers TEXT CHECK (answers IS NULL OR json_valid(answers)),
  reasons TEXT CHECK (reasons IS NULL OR json_valid(reasons)),
  note TEXT,
  tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
  flagged INTEGER NOT NULL DEFAULT 0 CHECK (flagged IN (0, 1)),
  edited_id INTEGER REFERENCES pair (id),
  blind INTEGER NOT NULL DEFAULT 1 CHECK (blind IN (0, 1)),
  revealed INTEGER NOT NULL DEFAULT 0 CHECK (revealed IN (0, 1)),
  policy TEXT NOT NULL DEFAULT 'as is',
  stratum TEXT,
  inclusion REAL CHECK (inclusion IS NULL OR (inclusion > 0 AND inclusion <= 1)),
  seed INTEGER,
  batch_id INTEGER REFERENCES batch (id),
  session BLOB,
  presented INTEGER,
  answered INTEGER NOT NULL,
  active_ms INTEGER CHECK (active_ms IS NULL OR active_ms >= 0),
  repeat_of BLOB,
  undoes BLOB,
  CHECK ((action = 'undo') = (undoes IS NOT NULL)),
  CHECK (action = 'undo' OR (root_id IS NOT NULL AND pair_id IS NOT NULL))
) STRICT;
CREATE INDEX label_event_by_pair ON label_event (root_id, reviewer, answered, uid);
CREATE INDEX label_event_by_reviewer ON label_event (reviewer, answered, uid)
  WHERE action IN ('label', 'adjudicate') AND batch_id IS NULL;
CREATE INDEX label_event_by_batch ON label_event (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX label_event_undoes ON label_event (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX label_event_by_dataset ON label_event (dataset_id, id);
CREATE TRIGGER label_event_no_update BEFORE UPDATE ON label_event BEGIN
  SELECT RAISE (ABORT, 'label events are append-only');
END;
CREATE TRIGGER label_event_no_delete BEFORE DELETE ON label_event BEGIN
  SELECT RAISE (ABORT, 'label events are append-only');
END;

-- The newest label of each reviewer on each pair that has not been undone: a projection of label_event.
CREATE TABLE label_current (
  root_id INTEGER NOT NULL REFERENCES pair_current (id),
  reviewer TEXT NOT NULL,
  event_id INTEGER NOT NULL REFERENCES label_event (id),
  dataset_id INTEGER NOT NULL,
  pair_id INTEGER NOT NULL,
  source TEXT NOT NULL,
  status TEXT,
  preference TEXT,
  rating INTEGER,
  flagged INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  PRIMARY KEY (root_id, reviewer)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_current_by_reviewer ON label_current (dataset_id, reviewer, status);

CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  kind TEXT NOT NULL,
  dataset_id INTEGER REFERENCES dataset (id),
  title TEXT NOT NULL,
  args TEXT NOT NULL CHECK (json_valid(args)),
  state TEXT NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled', 'dead')),
  wanted TEXT CHECK (wanted IN ('pause', 'cancel')),
  slot TEXT NOT NULL DEFAULT 'cpu' CHECK (slot IN ('cpu', 'network', 'gpu')),
  priority INTEGER NOT NULL DEFAULT 100,
  owner TEXT,
  lease_until INTEGER,
  attempt INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL DEFAULT 5,
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER,
  unit TEXT NOT NULL DEFAULT 'pairs',
  phase TEXT,
  cost_micro INTEGER NOT NULL DEFAULT 0,
  result TEXT CHECK (result IS NULL OR json_valid(result)),
  error TEXT,
  created INTEGER NOT NULL,
  started INTEGER,
  updated INTEGER NOT NULL,
  finished INTEGER
) STRICT;
CREATE INDEX job_claimable ON job (priority, id) WHERE state IN ('queued', 'running');
CREATE TABLE job_item (
  job_id INTEGER NOT NULL REFERENCES job (id),
  key TEXT NOT NULL,
  state TEXT NOT NULL,
  detail TEXT,
  updated INTEGER NOT NULL,
  PRIMARY KEY (job_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE job_event (
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES job (id),
  at INTEGER NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  text TEXT NOT NULL
) STRICT;
CREATE INDEX job_event_by_job ON job_event (job_id, id);

CREATE TABLE cycle (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  config TEXT NOT NULL CHECK (json_valid(config)),
  state TEXT NOT NULL,
  stop_reason TEXT,
  created INTEGER NOT NULL,
  finished INTEGER
) STRICT;
CREATE TABLE phase_run (
  id INTEGER PRIMARY KEY,
  cycle_id INTEGER NOT NULL REFERENCES cycle (id),
  phase TEXT NOT NULL,
  entry_hash TEXT NOT NULL,
  state TEXT NOT NULL,
  artefact TEXT,
  evidence TEXT CHECK (evidence IS NULL OR json_valid(evidence)),
  started INTEGER NOT NULL,
  finished INTEGER,
  UNIQUE (cycle_id, phase, entry_hash)
) STRICT;

CREATE TABLE snapshot (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  expression TEXT,
  count INTEGER NOT NULL,
  hash TEXT NOT NULL,
  purpose TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;

-- Figures that screens show at once; kept in the transaction that changes what they count.
CREATE TABLE counter (
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (dataset_id, name)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER counter_status AFTER UPDATE OF status ON pair_current WHEN old.status <> new.status BEGIN
  UPDATE counter SET value = value - 1 WHERE dataset_id = old.dataset_id AND name = old.status;
  INSERT INTO counter VALUES (new.dataset_id, new.status, 1)
    ON CONFLICT (dataset_id, name) DO UPDATE SET value = value + 1;
END;
CREATE TRIGGER counter_flagged AFTER UPDATE OF flagged ON pair_current WHEN old.flagged <> new.flagged BEGIN
  INSERT INTO counter VALUES (new.dataset_id, 'flagged', new.flagged - old.flagged)
    ON CONFLICT (dataset_id, name) DO UPDATE SET value = value + excluded.value;
END;
CREATE TRIGGER counter_findings AFTER UPDATE OF findings ON pair_current
WHEN (old.findings > 0) <> (new.findings > 0) BEGIN
  INSERT INTO counter VALUES (new.dataset_id, 'with findings', (new.findings > 0) - (old.findings > 0))
    ON CONFLICT (dataset_id, name) DO UPDATE SET value = value + excluded.value;
END;

CREATE TABLE saved_view (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER REFERENCES dataset (id),
  name TEXT NOT NULL,
  query TEXT NOT NULL CHECK (json_valid(query)),
  created INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX saved_view_by_name ON saved_view (coalesce(dataset_id, 0), name);
CREATE TABLE setting (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL CHECK (json_valid(value))
) STRICT, WITHOUT ROWID;
