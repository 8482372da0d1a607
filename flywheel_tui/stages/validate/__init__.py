"""Validate: deterministic checks over pairs, before a person or a judge spends a minute on them."""
