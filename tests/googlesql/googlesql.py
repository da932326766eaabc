"""Ask GoogleSQL what it thinks of a statement, and what a query answers.

BigQuery's SQL is GoogleSQL. This is the whole of it, so that it may accept what BigQuery has not got. It plans, prices
and permits nothing, and a table's full name is one identifier to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

from zetasql.core.exceptions import ServerError as Refused
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2 as options
from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public
from zetasql.wasi._pb2.zetasql.public.simple_table_pb2 import SimpleColumnProto, SimpleTableProto
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2 as nodes
from zetasql.wasi._pb2.zetasql.resolved_ast.resolved_ast_pb2 import AnyResolvedStatementProto

from tests.googlesql.engine import engine
from tests.googlesql.values import Columns, Kind, column_of, kind_of, message_of, type_of, value_of

__all__ = ["Refused", "analyze", "evaluate"]

Tables = Mapping[str, Columns]
Rows = Sequence[Mapping[str, Any]]

_TABLE_OPTIONS = {"description": "STRING", "expiration_timestamp": "TIMESTAMP", "friendly_name": "STRING"}
"""Of CREATE TABLE; others are unknown."""


def analyze(sql: str, tables: Tables, parameters: Mapping[str, Kind] | None = None) -> AnyResolvedStatementProto:
    """Return the resolved tree of a query or of a CREATE TABLE AS.

        analyze("select 1 from `p.d.t` where day = @day", {"p.d.t": {"day": "DATE"}}, {"day": "DATE"})

    :raises Refused: the statement is wrong; the message is GoogleSQL's own.
    """
    request = service.AnalyzeRequest(
        sql_statement=sql, options=_options(parameters or {}), simple_catalog=_catalog(tables)
    )
    return engine().call("Analyze", request, service.AnalyzeResponse).resolved_statement


def evaluate(
    sql: str,
    tables: Tables,
    rows: Mapping[str, Rows] | None = None,
    parameters: Mapping[str, tuple[Kind, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return the rows that a query answers, over tables of the given rows; a column that a row lacks is null there.

        evaluate("select asin from `p.d.t`", {"p.d.t": {"asin": "STRING"}}, {"p.d.t": [{"asin": "B00TEST001"}]})

    :param parameters: each with its kind and value, ``{"day": ("DATE", date(2026, 11, 8))}``.
    :raises Refused: the query is wrong, or fails over these rows, by an overflow say.
    """
    given = parameters or {}
    request = service.EvaluateQueryRequest(
        sql=sql,
        options=_options({name: kind for name, (kind, _) in given.items()}),
        simple_catalog=_catalog(tables),
        table_content={name: _content(columns, (rows or {}).get(name, ())) for name, columns in tables.items()},
        params=[service.Parameter(name=name, value=message_of(value, kind)) for name, (kind, value) in given.items()],
    )
    answer = engine().call("EvaluateQuery", request, service.EvaluateQueryResponse)
    kinds = _named(answer.prepared.columns)
    return [
        {name: value_of(cell, kind) for (name, kind), cell in zip(kinds, row.cell, strict=True)}
        for row in answer.content.table_data.row
    ]


def _named(columns: Iterable[SimpleColumnProto]) -> list[tuple[str, Kind]]:
    """Return the names and kinds of an answer's columns; BigQuery calls those without a name f0_, f1_ and so on."""
    unnamed = (f"f{n}_" for n in count())
    return [(column.name or next(unnamed), kind_of(column.type)) for column in columns]


@cache
def _language() -> options.LanguageOptionsProto:
    asked = service.LanguageOptionsRequest(maximum_features=True)
    language = engine().call("GetLanguageOptions", asked, options.LanguageOptionsProto)
    language.product_mode = public.PRODUCT_EXTERNAL
    language.reserved_keywords.append("QUALIFY")
    language.enabled_language_features.append(public.FEATURE_DISALLOW_GROUP_BY_FLOAT)
    language.supported_statement_kinds[:] = [nodes.RESOLVED_QUERY_STMT, nodes.RESOLVED_CREATE_TABLE_AS_SELECT_STMT]
    return language


def _options(parameters: Mapping[str, Kind]) -> options.AnalyzerOptionsProto:
    allowed = options.AllowedHintsAndOptionsProto(
        disallow_unknown_options=True,
        option=[{"name": name, "type": type_of(kind)} for name, kind in _TABLE_OPTIONS.items()],
    )
    return options.AnalyzerOptionsProto(
        language_options=_language(),
        default_timezone="UTC",
        allowed_hints_and_options=allowed,
        query_parameters=[{"name": name, "type": type_of(kind)} for name, kind in parameters.items()],
    )


def _catalog(tables: Tables) -> SimpleCatalogProto:
    return SimpleCatalogProto(
        name="catalog",
        table=[
            SimpleTableProto(name=name, column=[column_of(*column) for column in columns.items()])
            for name, columns in tables.items()
        ],
        builtin_function_options=options.ZetaSQLBuiltinFunctionOptionsProto(language_options=_language()),
    )


def _content(columns: Columns, rows: Rows) -> service.TableContent:
    data = service.TableData(
        row=[{"cell": [message_of(row.get(name), kind) for name, kind in columns.items()]} for row in rows]
    )
    return service.TableContent(table_data=data)
