"""Statistics: texts and arrays in, numbers out; no store, no screen. Heavy packages are imported inside functions."""
