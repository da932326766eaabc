"""The page "SQP sync" in the Airflow UI: how every period stands, what ran, why it failed. It reads, never writes."""
