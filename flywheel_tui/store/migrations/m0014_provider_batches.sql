-- Batches handed to a provider's batch API: written before they are sent, so that a process that is killed in between
-- finds its batch again instead of paying for it twice. `keys` are the 16-byte keys of the response cache, in order.
CREATE TABLE provider_batch (
  id INTEGER PRIMARY KEY,
  judge_run_id INTEGER NOT NULL REFERENCES judge_run (id),
  label TEXT NOT NULL UNIQUE,
  backend TEXT NOT NULL,
  place TEXT NOT NULL,
  remote TEXT,
  state TEXT NOT NULL CHECK (state IN ('intended', 'sent', 'collected', 'lost')),
  keys BLOB NOT NULL,
  estimate_micro INTEGER NOT NULL,
  estimate_tokens INTEGER NOT NULL,
  answered INTEGER,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT;
CREATE INDEX provider_batch_open ON provider_batch (judge_run_id) WHERE state IN ('intended', 'sent');
