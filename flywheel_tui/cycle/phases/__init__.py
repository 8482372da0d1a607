"""The phases of a cycle, a file for each part of it."""
