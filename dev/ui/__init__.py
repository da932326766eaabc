"""A whole Airflow on the data of the demo, for a person to look at."""
