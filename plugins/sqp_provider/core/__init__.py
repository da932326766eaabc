"""Decides: periods, columns, checks and settings. Knows no Airflow, no client and no clock."""
