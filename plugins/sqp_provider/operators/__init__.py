"""The Airflow operators: one for each stage of a sync, and those of the daily Dags."""
