"""A BigQuery client for the emulator of this checkout, for the sample data, the demo and the tests."""

import os

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

PROJECT = "sqp-demo"


def client() -> bigquery.Client:
    """Return a client of the emulator named by BIGQUERY_EMULATOR_HOST, never of the real BigQuery.

    :raises RuntimeError: the variable is not set.
    """
    endpoint = os.environ.get("BIGQUERY_EMULATOR_HOST")
    if not endpoint:
        raise RuntimeError("BIGQUERY_EMULATOR_HOST is not set. Run 'make services', then '. .dev/env'.")
    return bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": endpoint})
