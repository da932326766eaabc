"""Keep Amazon Search Query Performance figures in Postgres equal to what BigQuery holds."""

__version__ = "0.1.0"
