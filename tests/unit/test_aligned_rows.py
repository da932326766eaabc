"""Rows that start at an odd byte, as they do within a message from the network, are encoded as any others."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sqp_provider.target.encoding import ROWS_ENCODED, aligned, encoded

TYPES = {"query": "text", "total_clicks": "bigint", "avg_ctr": "numeric(10,6)"}
ROWS = ROWS_ENCODED + 3
BATCH = pa.RecordBatch.from_pydict(
    {
        "query": [f"lamp {number}" if number % 7 else None for number in range(ROWS)],
        "total_clicks": pa.array(range(ROWS), pa.int64()),
        "avg_ctr": pa.array(range(ROWS), pa.int64()),
    }
)


def moved(by: int) -> pa.RecordBatch:
    """The rows in a message that has so many bytes before them."""
    message = bytes(by) + BATCH.serialize().to_pybytes()
    return pa.ipc.read_record_batch(pa.py_buffer(memoryview(message)[by:]), BATCH.schema)


@pytest.mark.parametrize("by", [0, 1, 2, 4, 10])
def test_rows_at_any_byte_of_a_message_are_encoded_alike(by: int) -> None:
    assert b"".join(encoded(moved(by), TYPES)) == b"".join(encoded(BATCH, TYPES))


@pytest.mark.parametrize("by", [1, 2, 4, 10])
def test_a_slice_is_copied_to_where_numbers_belong_and_nothing_else_with_it(by: int) -> None:
    part = aligned(moved(by).slice(1_000, 50))
    assert part.equals(BATCH.slice(1_000, 50))
    assert all(each.address % 8 == 0 for column in part.columns for each in column.buffers() if each)
    assert part.get_total_buffer_size() < 4_000
