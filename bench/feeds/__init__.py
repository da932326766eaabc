"""Many feeds through one Airflow: how long a scheduler takes for all their weeks, and what limits it."""
