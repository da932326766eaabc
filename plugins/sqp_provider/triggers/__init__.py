"""Wait outside a worker: a long BigQuery job."""
