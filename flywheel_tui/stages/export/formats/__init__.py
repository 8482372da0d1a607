"""The export formats, one file each; a file registers its exporter when it is imported."""
