"""BigQuery's client, answered by GoogleSQL in this process: the provider's own hook and source run on it unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from google.cloud import bigquery

from sqp_provider.hooks.bigquery import SqpBigQueryHook
from tests.googlesql.googlesql import Rows, analyze, evaluate
from tests.googlesql.tree import unwrapped
from tests.googlesql.values import Columns, Kind, kind_of

PROJECT = "sqp-demo"
_AS_THE_API_SAYS = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
_CREATE = re.compile(
    r"create or replace table `(?P<name>[^`]+)`.*?^(?:\) )?as\n(?P<query>.+)", re.DOTALL | re.MULTILINE
)


@dataclass
class GoogleSqlClient:
    """Stands in for ``bigquery.Client``: the emulator is not GoogleSQL, and Google itself is not there.

    :param tables: the columns of each table, by its full name.
    :param rows: what they hold.
    :param described: what BigQuery says of each table besides its columns.
    :param sent: each statement that was asked for, with the kinds of its parameters.
    """

    tables: dict[str, Columns]
    rows: dict[str, Rows] = field(default_factory=dict)
    described: Mapping[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, Kind]]] = field(default_factory=list)
    project: str = PROJECT

    def get_table(self, name: str, **_: Any) -> bigquery.Table:
        """Return a table with its schema, whose types are called as BigQuery's API calls them."""
        table = bigquery.Table(name, schema=list(_schema(self.tables[name])))
        for what, value in self.described.items():
            setattr(table, what, value)
        return table

    def query_and_wait(self, sql: str, *, job_config: bigquery.QueryJobConfig, **_: Any) -> list[dict[str, Any]]:
        """Analyze and evaluate a query, or create a table of what it answers."""
        parameters = _parameters(job_config)
        if _CREATE.match(sql.strip()):
            self._create(sql, parameters)
            return []
        self.sent.append((sql, {name: kind for name, (kind, _) in parameters.items()}))
        return evaluate(sql, self.tables, self.rows, parameters)

    def query(self, sql: str, *, job_config: bigquery.QueryJobConfig, job_id: str, **_: Any) -> SimpleNamespace:
        """Analyze a CREATE TABLE AS as it is, and keep what its query answers as the table."""
        created = self._create(sql, _parameters(job_config))
        now = datetime.now(UTC)
        return SimpleNamespace(
            job_id=job_id,
            created=now,
            started=now,
            total_bytes_processed=0,
            result=lambda **_: self.rows[created],
        )

    def _create(self, sql: str, parameters: dict[str, tuple[Kind, Any]]) -> str:
        kinds = {name: kind for name, (kind, _) in parameters.items()}
        self.sent.append((sql, kinds))
        statement: Any = unwrapped(analyze(sql, self.tables, kinds))
        created = {each.name: kind_of(each.column.type) for each in statement.output_column_list}
        parts = _CREATE.match(sql.strip())
        assert parts, sql
        self.rows[parts["name"]] = evaluate(parts["query"], self.tables, self.rows, parameters)
        self.tables[parts["name"]] = created
        return parts["name"]


class GoogleSqlHook(SqpBigQueryHook):
    """The provider's hook on such a client."""

    def __init__(self, client: GoogleSqlClient) -> None:
        super().__init__()
        self._client = client

    client = property(lambda self: self._client)
    project_id = property(lambda self: self._client.project)


def _schema(columns: Columns) -> Iterator[bigquery.SchemaField]:
    for name, kind in columns.items():
        if name.startswith("_PARTITION"):
            continue  # a pseudo column is in no schema
        mode, inner = ("REPEATED", kind[0]) if isinstance(kind, list) else ("NULLABLE", kind)
        if isinstance(inner, Mapping):
            yield bigquery.SchemaField(name, "RECORD", mode, fields=tuple(_schema(inner)))
        else:
            yield bigquery.SchemaField(name, _AS_THE_API_SAYS.get(inner, inner), mode)


def _parameters(config: bigquery.QueryJobConfig) -> dict[str, tuple[Kind, Any]]:
    return {
        each.name: ([each.array_type], each.values)
        if isinstance(each, bigquery.ArrayQueryParameter)
        else (each.type_, each.value)
        for each in config.query_parameters
    }
