"""What helps a person to decide on a pair: differences, checked calls, supporting passages, checked arithmetic.

Each is a pure function of texts, bounded in time and memory, and never an error: what cannot be told is not told.
"""
