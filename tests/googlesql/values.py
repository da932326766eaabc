"""Columns and cells as GoogleSQL's own messages, and back.

A column's kind is a name of BigQuery's, a record's fields, or a list of one kind for a repeated column:
``{"asin": "STRING", "clickData": {"asinClickCount": "INT64"}, "labels": ["STRING"]}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from zetasql.wasi._pb2.zetasql.public.simple_table_pb2 import SimpleColumnProto
from zetasql.wasi._pb2.zetasql.public.type_pb2 import ArrayTypeProto, StructFieldProto, StructTypeProto, TypeProto
from zetasql.wasi._pb2.zetasql.public.value_pb2 import ValueProto

Kind = str | Mapping[str, Any] | list[Any]
Columns = Mapping[str, Kind]

EPOCH = date(1970, 1, 1)
_OTHERWISE_CALLED = {"FLOAT64": "DOUBLE"}
_SCALES = {"NUMERIC": 9, "BIGNUMERIC": 38}
_EXACT = Context(prec=80)
_PSEUDO_COLUMNS = ("_PARTITIONTIME", "_PARTITIONDATE", "_TABLE_SUFFIX", "_FILE_NAME")
"""They are asked for by name; ``select *`` leaves them out."""


def type_of(kind: Kind) -> TypeProto:
    """Return GoogleSQL's type of a kind."""
    if isinstance(kind, list):
        return TypeProto(type_kind="TYPE_ARRAY", array_type=ArrayTypeProto(element_type=type_of(kind[0])))
    if isinstance(kind, Mapping):
        fields = [StructFieldProto(field_name=name, field_type=type_of(inner)) for name, inner in kind.items()]
        return TypeProto(type_kind="TYPE_STRUCT", struct_type=StructTypeProto(field=fields))
    return TypeProto(type_kind=f"TYPE_{_OTHERWISE_CALLED.get(kind, kind)}")


def kind_of(found: TypeProto) -> Kind:
    """Return the kind of a type, ``"INT64"``."""
    if found.HasField("array_type"):
        return [kind_of(found.array_type.element_type)]
    if found.HasField("struct_type"):
        return {field.field_name: kind_of(field.field_type) for field in found.struct_type.field}
    names = {f"TYPE_{called}": name for name, called in _OTHERWISE_CALLED.items()}
    kind = TypeProto.DESCRIPTOR.fields_by_name["type_kind"].enum_type.values_by_number[found.type_kind].name
    return names.get(kind, kind.removeprefix("TYPE_"))


def column_of(name: str, kind: Kind) -> SimpleColumnProto:
    """Return a table's column."""
    return SimpleColumnProto(name=name, type=type_of(kind), is_pseudo_column=name in _PSEUDO_COLUMNS)


def message_of(value: Any, kind: Kind) -> ValueProto:
    """Return a cell: a text may stand for a date or time, ``2026-11-18T06:00:00Z``."""
    if value is None:
        return ValueProto()
    if isinstance(kind, list):
        return ValueProto(array_value=ValueProto.Array(element=[message_of(each, kind[0]) for each in value]))
    if isinstance(kind, Mapping):
        fields = [message_of(value.get(name), inner) for name, inner in kind.items()]
        return ValueProto(struct_value=ValueProto.Struct(field=fields))
    if kind in _SCALES:
        return ValueProto(**{f"{kind.lower()}_value": _scaled(Decimal(value), _SCALES[kind])})
    if kind == "DATE":
        return ValueProto(date_value=(_parsed(date, value) - EPOCH).days)
    if kind == "TIMESTAMP":
        moment = ValueProto()
        moment.timestamp_value.FromDatetime(_parsed(datetime, value).astimezone(UTC).replace(tzinfo=None))
        return moment
    if kind == "DATETIME":
        return ValueProto(datetime_value=_packed(_parsed(datetime, value)))
    return ValueProto(**{f"{_OTHERWISE_CALLED.get(kind, kind).lower()}_value": value})


def value_of(cell: ValueProto, kind: Kind) -> Any:
    """Return what a cell holds."""
    field = cell.WhichOneof("value")
    if field is None:
        return None
    value = getattr(cell, field)
    if isinstance(kind, list):
        return [value_of(each, kind[0]) for each in value.element]
    if isinstance(kind, Mapping):
        return {name: value_of(each, inner) for (name, inner), each in zip(kind.items(), value.field, strict=True)}
    if kind in _SCALES:
        return Decimal(int.from_bytes(value, "little", signed=True)).scaleb(-_SCALES[kind], _EXACT)
    if kind == "DATE":
        return EPOCH + timedelta(days=value)
    if kind == "TIMESTAMP":
        return value.ToDatetime(tzinfo=UTC)
    return _unpacked(value) if kind == "DATETIME" else value


def _parsed(wanted: type[Any], value: Any) -> Any:
    return wanted.fromisoformat(value) if isinstance(value, str) else value


def _scaled(value: Decimal, scale: int) -> bytes:
    number = int(value.scaleb(scale, _EXACT))
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


# a year above 26 bits for month, day, hour, minute and second
_WIDTHS = (4, 5, 5, 6, 6)


def _packed(moment: datetime) -> ValueProto.Datetime:
    seconds = moment.year
    for part, width in zip(moment.timetuple()[1:6], _WIDTHS, strict=True):
        seconds = seconds << width | part
    return ValueProto.Datetime(bit_field_datetime_seconds=seconds, nanos=moment.microsecond * 1000)


def _unpacked(packed: ValueProto.Datetime) -> datetime:
    seconds, parts = packed.bit_field_datetime_seconds, []
    for width in reversed(_WIDTHS):
        parts.append(seconds & (1 << width) - 1)
        seconds >>= width
    return datetime(seconds, *reversed(parts), packed.nanos // 1000)
