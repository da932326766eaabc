"""A table that is clustered by what source.where compares: BigQuery may skip blocks, and no row is lost."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.snapshot import PeriodTotals
from sqp_provider.hooks.bigquery import SqpBigQueryHook
from sqp_provider.source.table import Source
from tests.fixtures import settings_for
from tests.landing import COLUMNS, WEEK, Landing, report_row

SHOPS = ("US", "us", " US", "US ", "DE", "Ünited", "~", "", None, " ", "\t\n", "\u0085", "\u00a0", "\u2003\u3000", "!")
ACCOUNTS = (7, 8, 0, -1, None)


def totals(landing: Landing, dataset: str, column: str, kind: str, values: Any, where: Any, by: str) -> PeriodTotals:
    """What a sync of the week reads if the table is clustered by that column; a row for each value."""
    client, name = landing.client, f"{landing.table}_by_{by}"
    fields = [bigquery.SchemaField(field, of) for field, of in {**COLUMNS, column: kind}.items()]
    table = bigquery.Table(f"{client.project}.{name}", fields)
    table.clustering_fields = [by]
    client.create_table(table)
    Landing(client, name).land(*(report_row(f"q{n}") | {column: value} for n, value in enumerate(values)))
    settings = settings_for(name, dataset, source={"where": {column: where}}).source
    week = Period.starting(SyncType.WEEKLY, WEEK)
    source = Source(SqpBigQueryHook(), settings)
    assert any(each.skips_blocks(source.landing.facts) for each in source.landing.compared) == (by == column)
    return source.window_totals(SyncType.WEEKLY, [week])[week]


@pytest.mark.parametrize(
    ("kind", "values", "where", "rows", "rejects"),
    [
        ("STRING", SHOPS, "US", 1, 7),
        ("STRING", SHOPS, ["US", "DE", "Ünited"], 3, 7),
        ("STRING", SHOPS, ["US", None], 8, 0),
        ("INT64", ACCOUNTS, 7, 1, 1),
        ("INT64", ACCOUNTS, [8, None], 2, 0),
    ],
)
def test_the_same_rows_are_read_and_rejected_however_the_table_is_clustered(
    kind: str, values: Any, where: Any, rows: int, rejects: int, landing: Landing, dataset: str
) -> None:
    clustered = totals(landing, dataset, "shop", kind, values, where, "shop")
    assert clustered == totals(landing, dataset, "shop", kind, values, where, "asin")
    assert (clustered.totals.row_count, clustered.reject_count) == (rows, rejects)
