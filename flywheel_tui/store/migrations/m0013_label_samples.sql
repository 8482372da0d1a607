-- A sample of pairs drawn for labels: once, with the probability of each, so that what is measured on it holds for all
-- the pairs it was drawn from. It is never changed; another draw is another sample.
CREATE TABLE label_sample (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  judge_run_id INTEGER REFERENCES judge_run (id),
  expression TEXT,
  threshold REAL,
  population INTEGER NOT NULL,
  size INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX label_sample_by_dataset ON label_sample (dataset_id, id);
CREATE TABLE label_sample_item (
  sample_id INTEGER NOT NULL REFERENCES label_sample (id),
  place INTEGER NOT NULL,
  root_id INTEGER NOT NULL REFERENCES pair_current (id),
  pair_id INTEGER NOT NULL REFERENCES pair (id),
  stratum TEXT NOT NULL,
  inclusion REAL NOT NULL CHECK (inclusion > 0 AND inclusion <= 1),
  PRIMARY KEY (sample_id, place)
) STRICT, WITHOUT ROWID;
