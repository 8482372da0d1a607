-- "Both are bad" is another answer than a tie: it counts like one, and is told apart from now on.
CREATE TABLE blind_choice_new (
  blind_test_id INTEGER NOT NULL REFERENCES blind_test (id),
  key TEXT NOT NULL,
  choice TEXT NOT NULL CHECK (choice IN ('first', 'second', 'tie', 'neither')),
  flipped INTEGER NOT NULL CHECK (flipped IN (0, 1)),
  at INTEGER NOT NULL,
  PRIMARY KEY (blind_test_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO blind_choice_new SELECT blind_test_id, key, choice, flipped, at FROM blind_choice;
DROP TABLE blind_choice;
ALTER TABLE blind_choice_new RENAME TO blind_choice;

-- Of a past failure: the answer it was confirmed with, and who confirmed it (human, script).
ALTER TABLE evaluation_item ADD COLUMN failed TEXT NOT NULL DEFAULT '';
ALTER TABLE evaluation_item ADD COLUMN confirmed TEXT NOT NULL DEFAULT '';
