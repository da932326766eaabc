"""The Airflow hooks: BigQuery, Postgres and the alert channel."""
