"""One file per back end; each registers the function that makes it."""
