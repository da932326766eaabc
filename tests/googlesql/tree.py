"""Read the resolved tree of a statement: what its scans of tables are filtered by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from zetasql.wasi._pb2.zetasql.resolved_ast.resolved_ast_enums_pb2 import ResolvedJoinScanEnums

_INNER = ResolvedJoinScanEnums.INNER


@dataclass(frozen=True)
class Conjunct:
    """One of the conditions that a filter joins by AND.

    :param columns: what it compares: ``start_date``, ``clickData.asinClickCount``. A column of anything but the scanned
        table has the name of that before it, ``$array.entry``.
    :param parameters: the query's parameters in it.
    :param functions: its functions, the outermost first: ``("$between",)``, or ``("$equal", "lower")``.
    """

    columns: frozenset[str]
    parameters: frozenset[str]
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Scan:
    """One reading of a table, with the conditions of the WHERE that it stands in."""

    table: str
    conjuncts: tuple[Conjunct, ...]


def scans(statement: Message) -> list[Scan]:
    """Return the scans of a statement as BigQuery runs them: those of a WITH as often as that is referred to.

    scans(analyze("select 1 from `p.d.t` where day = @day and asin != ''", …))
    == [Scan("p.d.t", (Conjunct({"day"}, {"day"}, ("$equal",)), Conjunct({"asin"}, set(), ("$not_equal",))))]
    """
    return list(_scans(statement, [], {}))


def unwrapped(node: Message) -> Message:
    """Return the node inside the messages that stand for any node of a kind."""
    while node.DESCRIPTOR.name.startswith("AnyResolved"):
        node = getattr(node, str(node.WhichOneof("node")))
    return node


def walk(node: Message) -> Iterator[Message]:
    """Return a node and all below it."""
    yield node
    for child in _children(node):
        yield from walk(child)


def _children(node: Message) -> Iterator[Message]:
    for field, value in node.ListFields():
        if field.message_type:
            yield from value if field.is_repeated else [value]


def _scans(node: Message, filters: list[Message], with_queries: Mapping[str, Message]) -> Iterator[Scan]:
    node: Any = unwrapped(node)
    match node.DESCRIPTOR.name:
        case "ResolvedTableScanProto":
            own = {column.column_id for column in node.parent.column_list}
            yield Scan(node.table.name, tuple(_conjunct(each, own) for each in filters))
        case "ResolvedFilterScanProto":
            yield from _scans(node.input_scan, [*filters, *_conjuncts(node.filter_expr)], with_queries)
            yield from _scans(node.filter_expr, [], with_queries)
        case "ResolvedArrayScanProto" if not node.is_outer:
            yield from _scans(node.input_scan, filters, with_queries)
        case "ResolvedJoinScanProto" if node.join_type == _INNER:
            yield from _scans(node.left_scan, filters, with_queries)
            yield from _scans(node.right_scan, filters, with_queries)
        case "ResolvedWithScanProto":
            named = {each.with_query_name: each.with_subquery for each in node.with_entry_list}
            yield from _scans(node.query, filters, {**with_queries, **named})
        case "ResolvedWithRefScanProto":
            yield from _scans(with_queries[node.with_query_name], [], with_queries)
        case _:
            for child in _children(node):
                yield from _scans(child, [], with_queries)


def _conjuncts(expression: Message) -> Iterator[Message]:
    call: Any = unwrapped(expression)
    if call.DESCRIPTOR.name == "ResolvedFunctionCallProto" and _name_of(call.parent) == "$and":
        for argument in call.parent.argument_list:
            yield from _conjuncts(argument)
    else:
        yield call


def _conjunct(expression: Message, own: set[int]) -> Conjunct:
    inside: list[Any] = list(walk(expression))
    return Conjunct(
        frozenset(_paths(expression, own)),
        frozenset(each.name for each in inside if each.DESCRIPTOR.name == "ResolvedParameterProto"),
        tuple(_name_of(each) for each in inside if each.DESCRIPTOR.name == "ResolvedFunctionCallBaseProto"),
    )


def _paths(node: Message, own: set[int], path: str = "") -> Iterator[str]:
    node: Any = unwrapped(node)
    if node.DESCRIPTOR.name == "ResolvedColumnRefProto":
        table = "" if node.column.column_id in own else f"{node.column.table_name}."
        yield f"{table}{node.column.name}{path}"
    elif node.DESCRIPTOR.name == "ResolvedGetStructFieldProto":
        record: Any = next(
            each for each in _children(unwrapped(node.expr)) if each.DESCRIPTOR.name == "ResolvedExprProto"
        )
        field = record.type.struct_type.field[node.field_idx].field_name
        yield from _paths(node.expr, own, f".{field}{path}")
    else:
        for child in _children(node):
            yield from _paths(child, own)


def _name_of(call: Any) -> str:
    return str(call.function.name).removeprefix("ZetaSQL:")
