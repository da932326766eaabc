"""Read the source table and the snapshot of a period."""
