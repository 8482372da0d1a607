"""One file for each recipe; importing a file registers it."""
