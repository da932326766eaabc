"""A deterministic Search Query Performance source table, written into the BigQuery emulator by SQL."""
