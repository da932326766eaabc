"""The page "SQP sync" in the Airflow UI: which periods are synced, what ran and what failed. It only reads."""
