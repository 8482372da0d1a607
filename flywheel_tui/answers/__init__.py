"""What an answer says: its numbers, its final part, and whether two answers are the same however they are written.

Each is a pure function of texts, bounded in time and memory: every stage that compares answers reads them here.
"""
