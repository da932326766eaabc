"""Read the source: its table, and the snapshot of a period."""
