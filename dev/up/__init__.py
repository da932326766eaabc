"""Airflow on sample data, in the background."""
