"""What it costs Airflow to parse the Dags of many feeds: seconds, memory, size."""
