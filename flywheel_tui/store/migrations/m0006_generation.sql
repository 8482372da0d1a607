-- What rows are made from besides pairs: taxonomies, constitutions, tool catalogues, seeds, golden examples. A version
-- is kept when it is first used, so that a row can say exactly which one it came from.
CREATE TABLE ingredient (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('seeds', 'taxonomy', 'constitution', 'catalogue', 'golden')),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  hash TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  created INTEGER NOT NULL,
  UNIQUE (kind, hash)
) STRICT;
CREATE INDEX ingredient_by_name ON ingredient (kind, name, version);

-- What each finished work item came to: the rows that it made, or the rule that rejected it.
CREATE TABLE made (
  pair_id INTEGER PRIMARY KEY REFERENCES pair (id),
  dataset_id INTEGER NOT NULL REFERENCES dataset (id),
  job_id INTEGER REFERENCES job (id),
  item TEXT NOT NULL,
  recipe TEXT NOT NULL,
  template TEXT NOT NULL,
  teacher TEXT NOT NULL,
  depth INTEGER NOT NULL CHECK (depth BETWEEN 1 AND 9),
  variant TEXT,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX made_by_dataset ON made (dataset_id, recipe, variant);
CREATE TABLE item_rejected (
  job_id INTEGER NOT NULL REFERENCES job (id),
  item TEXT NOT NULL,
  rule TEXT NOT NULL,
  detail TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  variant TEXT,
  notes TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(notes)),
  created INTEGER NOT NULL,
  PRIMARY KEY (job_id, item, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_rejected_by_rule ON item_rejected (job_id, rule, variant);
