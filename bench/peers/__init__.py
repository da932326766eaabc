"""The other contenders. Each gets the same clean rows."""
