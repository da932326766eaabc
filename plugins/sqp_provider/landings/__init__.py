"""Loading Amazon's CSV exports into BigQuery, for those who have no connector."""
