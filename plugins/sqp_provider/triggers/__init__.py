"""Wait in the triggerer: for a long BigQuery job, or for a fresh table."""
