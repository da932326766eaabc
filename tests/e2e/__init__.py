"""The project in a whole Airflow, operated as its UI operates it."""
