-- The few tagged pairs (anchors among them) of a data set of a million.
CREATE INDEX pair_current_tagged ON pair_current (dataset_id) WHERE tags IS NOT NULL;
