"""Wait until a table is fresh."""
