"""What cycles can turn: texts with recipes and a judge, or checkable tasks with a small model."""
