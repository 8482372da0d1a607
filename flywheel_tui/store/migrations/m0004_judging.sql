-- Verdicts of judges. "order" 0 is the verdict that counts; where a preference pair was asked in both orders, 1 (answer
-- a was shown first) and 2 (answer b was) are its two halves, written together with it.
ALTER TABLE verdict ADD COLUMN preference TEXT CHECK (preference IN ('a', 'b', 'tie', 'neither'));
ALTER TABLE verdict ADD COLUMN consistent INTEGER CHECK (consistent IN (0, 1));
ALTER TABLE verdict ADD COLUMN answers TEXT CHECK (answers IS NULL OR json_valid(answers));
ALTER TABLE verdict ADD COLUMN gates TEXT CHECK (gates IS NULL OR json_valid(gates));
ALTER TABLE verdict ADD COLUMN cached INTEGER NOT NULL DEFAULT 0 CHECK (cached IN (0, 1));

-- The head of a reply that was no verdict, and the job that met it: a retry of that job leaves its own failures alone.
ALTER TABLE judge_error ADD COLUMN raw TEXT;
ALTER TABLE judge_error ADD COLUMN retryable INTEGER NOT NULL DEFAULT 0 CHECK (retryable IN (0, 1));
ALTER TABLE judge_error ADD COLUMN job_id INTEGER REFERENCES job (id);
CREATE INDEX judge_error_by_kind ON judge_error (judge_run_id, kind);

-- How a run came about (judge, jury, import), and what was asked for: filter, sample, members, policy for what could
-- not be parsed. `calls` and the sums after it are kept in the transaction that writes the verdicts they paid for.
ALTER TABLE judge_run ADD COLUMN kind TEXT NOT NULL DEFAULT 'judge' CHECK (kind IN ('judge', 'jury', 'import'));
ALTER TABLE judge_run ADD COLUMN settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings));
ALTER TABLE judge_run ADD COLUMN updated INTEGER;
ALTER TABLE judge_run ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE judge_run ADD COLUMN hits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE judge_run ADD COLUMN tokens_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE judge_run ADD COLUMN tokens_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE judge_run ADD COLUMN cost_micro INTEGER NOT NULL DEFAULT 0;

-- Answers by the hash of exactly what was sent. Only complete answers that parsed to a verdict are here.
CREATE TABLE response_cache (
  key BLOB PRIMARY KEY CHECK (length(key) = 16),
  text TEXT NOT NULL,
  model TEXT NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  cost_micro INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people turn while a job runs (calls at once, budgets), and what it shows of itself once a second.
ALTER TABLE job ADD COLUMN steering TEXT CHECK (steering IS NULL OR json_valid(steering));
ALTER TABLE job ADD COLUMN live TEXT CHECK (live IS NULL OR json_valid(live));

-- Money and tokens of a job: reserved before calls are sent, settled when they are answered. What a killed process had
-- reserved stays counted as spent, so that a cap holds whatever happens.
CREATE TABLE budget (
  job_id INTEGER PRIMARY KEY REFERENCES job (id),
  spent_micro INTEGER NOT NULL DEFAULT 0,
  reserved_micro INTEGER NOT NULL DEFAULT 0,
  spent_tokens INTEGER NOT NULL DEFAULT 0,
  reserved_tokens INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Verdicts belong to a version: when another one becomes current, its newest verdict counts (or none).
CREATE TRIGGER verdict_of_current AFTER UPDATE OF pair_id ON pair_current WHEN old.pair_id <> new.pair_id BEGIN
  UPDATE pair_current SET (verdict_id, score, passed, judge_run_id) = (
    SELECT v.id, v.score, v.passed, v.judge_run_id FROM (SELECT 1)
    LEFT JOIN (
      SELECT id, score, passed, judge_run_id FROM verdict
      WHERE pair_id = new.pair_id AND "order" = 0 AND repeat = 0 ORDER BY id DESC LIMIT 1
    ) v ON TRUE
  ) WHERE id = new.id;
END;
CREATE TRIGGER counter_judged AFTER UPDATE OF passed ON pair_current WHEN old.passed IS NOT new.passed BEGIN
  INSERT INTO counter VALUES (new.dataset_id, 'judged', (new.passed IS NOT NULL) - (old.passed IS NOT NULL))
    ON CONFLICT (dataset_id, name) DO UPDATE SET value = value + excluded.value;
  INSERT INTO counter VALUES (new.dataset_id, 'passed', coalesce(new.passed, 0) - coalesce(old.passed, 0))
    ON CONFLICT (dataset_id, name) DO UPDATE SET value = value + excluded.value;
END;
