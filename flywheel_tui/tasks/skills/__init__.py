"""One file for each skill; every file here is found by itself."""
