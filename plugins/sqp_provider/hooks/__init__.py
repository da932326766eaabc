"""Talk: BigQuery, Postgres and the files of SQL."""
