"""Encode the rows of a snapshot for a binary COPY, exactly and a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING

import pyarrow as pa
import pyarrow.compute
from pgpq import ArrowToPostgresBinaryEncoder

from sqp_provider.core.contract import LARGEST_RATE, MILLIONTHS, PRICE_PLACES, PRICES, RATES
from sqp_provider.core.errors import TargetUnusable
from sqp_provider.target.columns import too_large_a_rate

ROWS_ENCODED = 4_096
"""How many rows are encoded at once, about a megabyte. More rows need more memory and save no time."""

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""The first bytes of a binary COPY: signature, no flags, no extension."""

END = b"\xff\xff"
"""The last bytes of a binary COPY."""

_MILLIONTHS = pa.decimal128(19, 6)
_PRICE = pa.decimal128(19, PRICE_PLACES)

_ARROW = {
    "text": pa.string(),
    "character varying": pa.string(),
    "character": pa.string(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "numeric": pa.decimal128(19, 0),
    "double precision": pa.float64(),
}
"""Which Arrow type is encoded as which type of Postgres: in a binary COPY it must be the column's own."""

_RATES = frozenset(rate.column for rate in RATES)
_PRICES = frozenset(price.column for price in PRICES)


def encoded(batch: pa.RecordBatch, types: Mapping[str, str]) -> Iterator[bytes]:
    """Yield a batch as pieces of a COPY, to be sent between :data:`HEADER` and :data:`END`.

    :param batch: the copied columns, with rates in millionths.
    :param types: the target's types of these columns, ``{"query": "text", "total_clicks": "integer", …}``.
    :raises TargetUnusable: a count is too large for its column.
    """
    schema = stored_schema(types)
    encoder = ArrowToPostgresBinaryEncoder(schema)
    encoder.write_header()  # the encoder needs it, but the COPY has one header for all batches, so drop it
    for first in range(0, batch.num_rows, ROWS_ENCODED):
        yield encoder.write_batch(as_stored(aligned(batch.slice(first, ROWS_ENCODED)), schema))
    yield encoder.finish().removesuffix(END)  # may have rows that the encoder still held back


def aligned(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return a copy of a few rows whose numbers start where the processor expects numbers.

    Rows from the network start at any byte. The encoder would copy all rows of a message, again for each slice of it.
    """
    return pa.ipc.read_record_batch(rows.serialize(), rows.schema)


def stored_schema(types: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema that is encoded as the target's types; a field's metadata has the type itself."""
    return pa.schema([_field(column, type_) for column, type_ in types.items()])


def _field(column: str, type_: str) -> pa.Field:
    family = type_.partition("(")[0]
    arrow = _ARROW[family]
    if family == "numeric":
        arrow = _MILLIONTHS if column in _RATES else _PRICE if column in _PRICES else arrow
    return pa.field(column, arrow, metadata={"type": type_})


def as_stored(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch in the target's types. Rates become ``numeric``: 7813 millionths are exactly 0.007813."""
    columns = [
        _rate(field, column)
        if field.name in _RATES
        else _shifted(field, column)
        if field.name in _PRICES
        else _count(field, column)
        for field, column in zip(schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _rate(field: pa.Field, column: pa.Array) -> pa.Array:
    """Return rates as the column's type; one that has too many digits for it is left out."""
    limit = too_large_a_rate(field.metadata[b"type"].decode())
    if limit * MILLIONTHS <= LARGEST_RATE:
        fits = pa.compute.less(column, int((limit * MILLIONTHS).to_integral_value(ROUND_CEILING)))
        column = pa.compute.if_else(fits, column, None)
    if field.type != _MILLIONTHS:
        return pa.compute.divide(column.cast(pa.float64()), float(MILLIONTHS))
    return _shifted(field, column)


def _shifted(field: pa.Field, column: pa.Array) -> pa.Array:
    """Return whole numbers with the decimal point where the field has it, without dividing."""
    whole = column.cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(field.type, len(whole), whole.buffers(), whole.null_count, whole.offset)


def _count(field: pa.Field, column: pa.Array) -> pa.Array:
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        largest = pa.compute.max(column).as_py()
        raise TargetUnusable(
            f"the column {field.name} of the target is too small for {largest:,}, which the source has. The target is "
            f"unchanged. Make it larger (alter table … alter column {field.name} type bigint), then clear the task."
        ) from error
