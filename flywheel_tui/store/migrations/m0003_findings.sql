-- Versions after the first, by data set: validation looks at every version once, in the order of their ids.
CREATE INDEX pair_versions ON pair (dataset_id, id) WHERE supersedes IS NOT NULL;

-- Pairs that belong together (duplicates), so that they can be shown side by side.
CREATE INDEX finding_by_cluster ON finding (dataset_id, check_name, cluster, pair_id) WHERE cluster IS NOT NULL;

-- What a check that compares pairs has compared (with the same mark there is nothing new to compare), and the numbers
-- about the whole data set that it gave then.
ALTER TABLE check_state ADD COLUMN mark TEXT;
ALTER TABLE check_state ADD COLUMN figures TEXT CHECK (figures IS NULL OR json_valid(figures));

-- Findings belong to a version. When another version becomes the current one (an edit, or an edit taken back), what
-- was found in that one counts.
CREATE TRIGGER finding_of_current AFTER UPDATE OF pair_id ON pair_current WHEN old.pair_id <> new.pair_id BEGIN
  UPDATE pair_current SET
    findings = (SELECT count(*) FROM finding f WHERE f.pair_id = new.pair_id),
    severity = (SELECT CASE max(CASE f.severity WHEN 'error' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END)
      WHEN 3 THEN 'error' WHEN 2 THEN 'warning' WHEN 1 THEN 'info' END FROM finding f WHERE f.pair_id = new.pair_id)
  WHERE id = new.id;
END;
