"""Encode the rows of a snapshot for a binary COPY, exactly and a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder

from sqp_provider.core.contract import ACTIVE_WEEKS, RATES, TEXTS, values_of
from sqp_provider.core.period import SyncType

ROWS_ENCODED = 4_096
"""How many rows are encoded at once, about a megabyte. More rows need more memory and save no time."""

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""The first bytes of a binary COPY: signature, no flags, no extension."""

END = b"\xff\xff"
"""The last bytes of a binary COPY."""

_RATE = pa.decimal128(19, 6)


def copied(sync_type: SyncType) -> tuple[str, ...]:
    """Return the columns that are copied. The other columns have one value for the whole load."""
    return ("query", "asin", *values_of(sync_type))


def encoded(batch: pa.RecordBatch, sync_type: SyncType) -> Iterator[bytes]:
    """Yield a batch as pieces of a COPY, to be sent between :data:`HEADER` and :data:`END`.

    :param batch: the columns of :func:`copied`, with rates in millionths.
    """
    schema = stored_schema(sync_type)
    encoder = ArrowToPostgresBinaryEncoder(schema)
    encoder.write_header()  # the encoder needs it, but the COPY has one header for all batches, so drop it
    for first in range(0, batch.num_rows, ROWS_ENCODED):
        yield encoder.write_batch(as_stored(batch.slice(first, ROWS_ENCODED), schema))
    yield encoder.finish().removesuffix(END)  # may have rows that the encoder still held back


def stored_schema(sync_type: SyncType) -> pa.Schema:
    """Return the Arrow schema that is encoded as the target's types."""
    types = {"query": pa.string(), "asin": pa.string(), ACTIVE_WEEKS: pa.int32()}
    types |= {rate.column: _RATE for rate in RATES} | {text.column: pa.string() for text in TEXTS}
    return pa.schema([(column, types.get(column, pa.int64())) for column in copied(sync_type)])


def as_stored(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch in the target's types. Rates become ``numeric``: 7813 millionths are exactly 0.007813."""
    columns = [
        _as_rate(column) if field.type == _RATE else column.cast(field.type)
        for field, column in zip(schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_rate(millionths: pa.Array) -> pa.Array:
    whole = millionths.cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(_RATE, len(whole), whole.buffers(), whole.null_count, whole.offset)
