-- A judge measured against people. It belongs to the judge's hash and to the hash of the labels that were used: where
-- either has changed since, or the run holds other verdicts, the row is stale, and says so by comparing, not by a flag.
CREATE TABLE calibration (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  judge_run_id INTEGER NOT NULL REFERENCES judge_run (id),
  judge_hash TEXT NOT NULL,
  labels_hash TEXT NOT NULL,
  verdicts_mark TEXT NOT NULL,
  options TEXT NOT NULL CHECK (json_valid(options)),
  split TEXT NOT NULL DEFAULT 'all',
  target REAL NOT NULL,
  confidence REAL NOT NULL,
  method TEXT NOT NULL,
  n INTEGER NOT NULL,
  threshold REAL,
  result TEXT NOT NULL CHECK (json_valid(result)),
  created INTEGER NOT NULL,
  UNIQUE (judge_run_id, judge_hash, labels_hash, verdicts_mark, options)
) STRICT;
CREATE INDEX calibration_by_dataset ON calibration (dataset_id, id);

-- What calibration reads of a million labels and verdicts, without touching their wide rows.
CREATE INDEX label_current_said ON label_current
  (dataset_id, source, root_id, reviewer, status, preference, pair_id, event_id);
CREATE INDEX verdict_said ON verdict (judge_run_id, "order", repeat, pair_id, passed, score, preference);
-- The labels that are not plain blind ones: seen verdicts, known inclusion probabilities, adjudications.
CREATE INDEX label_event_drawn ON label_event (dataset_id, id, blind, revealed, inclusion)
  WHERE blind = 0 OR revealed = 1 OR inclusion IS NOT NULL;
CREATE INDEX label_event_adjudicated ON label_event (dataset_id, root_id) WHERE action = 'adjudicate';
CREATE INDEX pair_family ON pair (dataset_id, id, family) WHERE family IS NOT NULL;
