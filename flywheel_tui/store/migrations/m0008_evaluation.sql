-- Evaluations of adapters, the evidence that promotion rests on, and what people decided about it.

-- What promotion asks for, named by the hash of what it says; an evaluation points at criteria that were here before it.
CREATE TABLE criteria (
  hash TEXT PRIMARY KEY,
  body TEXT NOT NULL CHECK (json_valid(body)),
  registered INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER criteria_no_update BEFORE UPDATE ON criteria BEGIN
  SELECT RAISE (ABORT, 'criteria are registered once and never changed');
END;
CREATE TRIGGER criteria_no_delete BEFORE DELETE ON criteria BEGIN
  SELECT RAISE (ABORT, 'criteria are registered once and never changed');
END;

-- `hash` is over everything that can change an outcome (models, adapters, items, criteria, settings): the same question
-- asked again finds its row and goes on with what is missing.
CREATE TABLE evaluation (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  base TEXT NOT NULL,
  base_hash TEXT NOT NULL,
  adapter TEXT NOT NULL,
  adapter_hash TEXT NOT NULL,
  against TEXT NOT NULL,
  against_hash TEXT NOT NULL,
  dataset_id INTEGER REFERENCES dataset (id),
  cycle INTEGER,
  job_id INTEGER REFERENCES job (id),
  options TEXT NOT NULL CHECK (json_valid(options)),
  facts TEXT NOT NULL CHECK (json_valid(facts)),
  criteria_hash TEXT NOT NULL REFERENCES criteria (hash),
  state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  result TEXT CHECK (result IS NULL OR json_valid(result)),
  seconds REAL NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  finished INTEGER,
  CHECK ((state = 'done') = (result IS NOT NULL))
) STRICT;
CREATE TRIGGER evaluation_criteria_stand BEFORE UPDATE OF criteria_hash, hash ON evaluation BEGIN
  SELECT RAISE (ABORT, 'an evaluation keeps the criteria it began with');
END;

CREATE TABLE evaluation_item (
  evaluation_id INTEGER NOT NULL REFERENCES evaluation (id),
  position INTEGER NOT NULL,
  key TEXT NOT NULL,
  "group" TEXT NOT NULL,
  slice TEXT NOT NULL,
  family TEXT NOT NULL,
  messages TEXT NOT NULL CHECK (json_valid(messages)),
  expected TEXT NOT NULL,
  checker TEXT NOT NULL,
  meta TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(meta)),
  base_output TEXT,
  candidate_output TEXT,
  base_passed INTEGER CHECK (base_passed IN (0, 1)),
  candidate_passed INTEGER CHECK (candidate_passed IN (0, 1)),
  base_nll REAL,
  candidate_nll REAL,
  base_tokens INTEGER,
  candidate_tokens INTEGER,
  base_unsafe INTEGER CHECK (base_unsafe IN (0, 1)),
  candidate_unsafe INTEGER CHECK (candidate_unsafe IN (0, 1)),
  base_overlap INTEGER,
  candidate_overlap INTEGER,
  preference REAL CHECK (preference IS NULL OR preference BETWEEN 0 AND 1),
  consistent INTEGER CHECK (consistent IN (0, 1)),
  contaminated TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (evaluation_id, key)
) STRICT, WITHOUT ROWID;

-- Confirmed past failures: what was asked, how an answer is checked, who confirmed that it was one. Only added to.
CREATE TABLE regression_item (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  slice TEXT NOT NULL,
  family TEXT NOT NULL,
  messages TEXT NOT NULL CHECK (json_valid(messages)),
  expected TEXT NOT NULL,
  checker TEXT NOT NULL,
  meta TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(meta)),
  answer TEXT NOT NULL,
  reviewer TEXT NOT NULL CHECK (length(trim(reviewer)) > 0),
  source TEXT NOT NULL CHECK (source IN ('human', 'script')),
  created INTEGER NOT NULL
) STRICT;
CREATE TRIGGER regression_item_no_update BEFORE UPDATE ON regression_item BEGIN
  SELECT RAISE (ABORT, 'confirmed failures are append-only');
END;
CREATE TRIGGER regression_item_no_delete BEFORE DELETE ON regression_item BEGIN
  SELECT RAISE (ABORT, 'confirmed failures are append-only');
END;

CREATE TABLE bundle (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  evaluation_id INTEGER NOT NULL REFERENCES evaluation (id),
  folder TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('PASS', 'FAIL', 'INCONCLUSIVE')),
  gates TEXT NOT NULL CHECK (json_valid(gates)),
  created INTEGER NOT NULL
) STRICT;

-- What a person decided. `adapter` is the one that is in use after it ('' is the base alone), where it changed that.
CREATE TABLE gate_decision (
  id INTEGER PRIMARY KEY,
  uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
  action TEXT NOT NULL CHECK (action IN ('approve', 'reject', 'rollback')),
  bundle_id INTEGER REFERENCES bundle (id),
  bundle_hash TEXT,
  verdict TEXT,
  override INTEGER NOT NULL DEFAULT 0 CHECK (override IN (0, 1)),
  adapter TEXT NOT NULL,
  adapter_hash TEXT NOT NULL,
  previous TEXT NOT NULL,
  reviewer TEXT NOT NULL CHECK (length(trim(reviewer)) > 0),
  source TEXT NOT NULL CHECK (source IN ('human', 'script')),
  reason TEXT NOT NULL CHECK (length(trim(reason)) > 0),
  at INTEGER NOT NULL,
  CHECK ((action = 'rollback') = (bundle_hash IS NULL))
) STRICT;
CREATE TRIGGER gate_decision_no_update BEFORE UPDATE ON gate_decision BEGIN
  SELECT RAISE (ABORT, 'decisions of the gate are append-only');
END;
CREATE TRIGGER gate_decision_no_delete BEFORE DELETE ON gate_decision BEGIN
  SELECT RAISE (ABORT, 'decisions of the gate are append-only');
END;

-- Which adapter is in use, for each base; the newest row counts and the older ones are its history.
CREATE TABLE adapter_pointer (
  id INTEGER PRIMARY KEY,
  base_hash TEXT NOT NULL,
  base TEXT NOT NULL,
  adapter TEXT NOT NULL,
  adapter_hash TEXT NOT NULL,
  path TEXT NOT NULL,
  decision_id INTEGER NOT NULL REFERENCES gate_decision (id),
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX adapter_pointer_by_base ON adapter_pointer (base_hash, id);

-- A person's blind choices between two answers: which side was shown first follows from the seed, not from this row.
CREATE TABLE blind_test (
  id INTEGER PRIMARY KEY,
  evaluation_id INTEGER NOT NULL REFERENCES evaluation (id),
  reviewer TEXT NOT NULL CHECK (length(trim(reviewer)) > 0),
  seed INTEGER NOT NULL,
  planned INTEGER NOT NULL CHECK (planned > 0),
  keys TEXT NOT NULL CHECK (json_valid(keys)),
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE blind_choice (
  blind_test_id INTEGER NOT NULL REFERENCES blind_test (id),
  key TEXT NOT NULL,
  choice TEXT NOT NULL CHECK (choice IN ('first', 'second', 'tie')),
  flipped INTEGER NOT NULL CHECK (flipped IN (0, 1)),
  at INTEGER NOT NULL,
  PRIMARY KEY (blind_test_id, key)
) STRICT, WITHOUT ROWID;

-- Two adapters in use side by side. `plan`: `fixed` is locked until `planned` outcomes, `anytime` may be looked at.
CREATE TABLE ab_test (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
  control TEXT NOT NULL,
  treatment TEXT NOT NULL,
  share REAL NOT NULL CHECK (share > 0 AND share < 1),
  metric TEXT NOT NULL CHECK (metric IN ('binary', 'score')),
  plan TEXT NOT NULL CHECK (plan IN ('fixed', 'anytime')),
  planned INTEGER NOT NULL CHECK (planned > 0),
  alpha REAL NOT NULL CHECK (alpha > 0 AND alpha < 1),
  effect REAL NOT NULL CHECK (effect > 0),
  sigma REAL CHECK (sigma IS NULL OR sigma > 0),
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE ab_outcome (
  id INTEGER PRIMARY KEY,
  ab_test_id INTEGER NOT NULL REFERENCES ab_test (id),
  unit TEXT NOT NULL,
  arm TEXT NOT NULL CHECK (arm IN ('control', 'treatment')),
  value REAL NOT NULL CHECK (value = value AND abs(value) < 1e308),
  at INTEGER NOT NULL,
  UNIQUE (ab_test_id, unit)
) STRICT;
CREATE TRIGGER ab_outcome_no_update BEFORE UPDATE ON ab_outcome BEGIN
  SELECT RAISE (ABORT, 'outcomes are append-only');
END;
CREATE TRIGGER ab_outcome_no_delete BEFORE DELETE ON ab_outcome BEGIN
  SELECT RAISE (ABORT, 'outcomes are append-only');
END;
