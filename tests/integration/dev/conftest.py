"""A source table for each test that wants one, and rows read back from it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from google.cloud import bigquery

from dev import emulator
from dev.sample_data.source import SampleSource


@pytest.fixture(scope="session")
def bigquery_client() -> bigquery.Client:
    return emulator.client()


@pytest.fixture
def source(bigquery_client: bigquery.Client) -> Iterator[SampleSource]:
    """An empty source table in a dataset of its own."""
    dataset = f"dev_{uuid4().hex[:12]}"
    source = SampleSource(bigquery_client, f"{dataset}.search_query_performance")
    source.create()
    yield source
    bigquery_client.delete_dataset(dataset, delete_contents=True)
