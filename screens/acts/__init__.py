"""What a person can do on each screen, and the keys for it; `screens.bindings` puts the tables together."""
