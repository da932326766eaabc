"""Periods, columns, checks and settings. Nothing here imports Airflow or a client, or asks for the time."""
