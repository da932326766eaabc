"""What BigQuery prunes by: one condition on the partitioning column alone, in the filter of each scan of the source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google.cloud import bigquery

from sqp_provider.core.errors import SourceEmpty
from sqp_provider.core.period import Period, SyncType
from sqp_provider.core.source_settings import SourceSettings
from tests.googlesql.client import GoogleSqlClient
from tests.googlesql.configurations import Configuration
from tests.googlesql.extracted import source_over, sync_of
from tests.googlesql.googlesql import analyze
from tests.googlesql.tree import Scan, scans
from tests.landing import COLUMNS, WEEK

DAYS = {"first_day", "last_day"}
END_ONLY = {"period_start": None}
IN_LONDON = {"period_start": {"column": "start_date", "time_zone": "Europe/London"}}


def scans_of_source(client: GoogleSqlClient, tables: list[str]) -> list[list[Scan]]:
    """The scans of the source, by statement that reads it."""
    found = [
        [scan for scan in scans(analyze(sql, client.tables, kinds)) if scan.table in tables]
        for sql, kinds in client.sent
    ]
    return [each for each in found if each]


def assert_pruned(client: GoogleSqlClient, tables: list[str], column: str, parameters: set[str]) -> None:
    """Each statement reads each table once, with a condition on the column alone that these parameters bound."""
    statements = scans_of_source(client, tables)
    assert len(statements) == 3  # the extract, what is near an empty period, and a daily check
    for found in statements:
        assert sorted(scan.table for scan in found) == sorted(tables)
        for scan in found:
            alone = [conjunct for conjunct in scan.conjuncts if conjunct.columns == {column}]
            assert alone, [sorted(conjunct.columns) for conjunct in scan.conjuncts]
            assert any(conjunct.parameters & DAYS == parameters & conjunct.parameters for conjunct in alone)
            assert bool(parameters) == any(conjunct.parameters & DAYS for conjunct in alone)


@pytest.mark.parametrize("sync_type", [SyncType.WEEKLY, SyncType.MONTHLY])
@pytest.mark.parametrize(
    ("kinds", "mapping", "column", "parameters"),
    [
        ({}, {}, "start_date", DAYS),
        ({}, {}, "end_date", DAYS),
        ({}, END_ONLY, "end_date", DAYS),
        ({"start_date": "TIMESTAMP"}, IN_LONDON, "start_date", DAYS),
        ({"start_date": "DATETIME"}, {}, "start_date", DAYS),
        ({"end_date": "DATETIME"}, {}, "end_date", DAYS),
        ({}, {}, "ingested_at", set()),
        ({"_PARTITIONTIME": "TIMESTAMP"}, {}, "_PARTITIONTIME", set()),
        ({"shard": "INT64"}, {}, "shard", set()),
    ],
)
def test_a_condition_on_the_partitioning_column_stands_alone(
    kinds: Mapping[str, str], mapping: Mapping[str, Any], column: str, parameters: set[str], sync_type: SyncType
) -> None:
    described: dict[str, Any] = {"require_partition_filter": True}
    if column == "shard":
        numbers = bigquery.PartitionRange(start=0, end=100, interval=10)
        described["range_partitioning"] = bigquery.RangePartitioning(field=column, range_=numbers)
    else:
        field = None if column == "_PARTITIONTIME" else column
        described["time_partitioning"] = bigquery.TimePartitioning(field=field)
    source = {"table": ["a.us", "a.ca"], "columns": {"ingested_at": "ingested_at"} | dict(mapping)}
    settings = SourceSettings.model_validate(source)
    client, own = source_over(Configuration(settings, COLUMNS | dict(kinds), described=described), [])
    sync = sync_of(Period.containing(sync_type, WEEK))
    snapshot = own.read_totals(sync, own.start_extract(sync, "sqp", 1))
    with pytest.raises(SourceEmpty):
        own.refuse_if_empty(sync, snapshot)
    own.window_totals(sync_type, [sync.period])
    assert_pruned(client, ["sqp-demo.a.us", "sqp-demo.a.ca"], column, parameters)


WHERE = {"shop": ["one", "two"], "account": 7, "country": {"values": ["us"], "fold": True}}


def test_plain_conditions_on_clustering_columns_stand_alone() -> None:
    """Google's documentation: a block is skipped for comparisons of the column as it is, in no function."""
    described = {"clustering_fields": ["shop", "country", "account"]}
    settings = SourceSettings.model_validate({"table": "a.us", "columns": {"ingested_at": None}, "where": WHERE})
    columns = COLUMNS | {"shop": "STRING", "account": "INT64", "country": "STRING"}
    client, own = source_over(Configuration(settings, columns, described=described), [])
    sync = sync_of(Period.containing(SyncType.WEEKLY, WEEK))
    own.read_totals(sync, own.start_extract(sync, "sqp", 1))
    own.window_totals(SyncType.WEEKLY, [sync.period])
    for (scan,) in scans_of_source(client, ["sqp-demo.a.us"]):
        alone = [(sorted(each.columns), sorted(each.parameters)) for each in scan.conjuncts if len(each.columns) == 1]
        assert alone.count((["shop"], ["where_0_0", "where_0_1"])) == 2  # what it may have, and the same as it is
        assert alone.count((["account"], ["where_1_0"])) == 2
        assert alone.count((["country"], ["where_2_0"])) == 1
