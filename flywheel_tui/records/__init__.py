"""What the words mean: frozen records without input or output."""
