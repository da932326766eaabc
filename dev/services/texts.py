"""Texts in lower case as BigQuery has them. DuckDB makes each letter another one, without a look at its neighbours."""

from typing import Any


def lower_as_bigquery() -> None:
    """Give each database of the emulator a `lower()` that knows `İ`, which becomes two letters, and the final sigma."""
    from bqemulator.sql import builtin_udfs

    register = builtin_udfs.register_builtin_udfs

    def register_with_lower(connection: Any) -> None:
        register(connection)
        connection.create_function(
            "python_lower", _lowered, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special"
        )
        connection.execute("create macro lower(text) as python_lower(text)")  # found before the function of this name

    builtin_udfs.register_builtin_udfs = register_with_lower


def _lowered(texts: Any) -> Any:
    """Lower an Arrow column. Only a text with letters that ASCII lacks is worth Python's time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts.combine_chunks()
    others = pc.invert(pc.fill_null(pc.string_is_ascii(texts), True))
    lower = pc.ascii_lower(texts)
    if not pc.any(others).as_py():
        return lower
    return pc.replace_with_mask(lower, others, pa.array([text.lower() for text in texts.filter(others).to_pylist()]))
