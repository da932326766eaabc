"""PostgreSQL and a BigQuery emulator from PyPI wheels, private to this checkout."""
