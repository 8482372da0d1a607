"""The stages: each reads the store, does one thing and appends what it found."""
