-- What the judge of an evaluation took: calls, tokens, money. No part of what an evaluation is known by.
ALTER TABLE evaluation ADD COLUMN used TEXT CHECK (used IS NULL OR json_valid(used));
