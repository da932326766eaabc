"""`python -m bench prove`: what it prints."""

from __future__ import annotations

from bench.prove.__main__ import lines


def test_a_line_says_what_differs_and_how_many_rows_were_read() -> None:
    nothing = {"seconds": 1.9, "memory_mb": 14, "rows": 0, "buckets": 0, "rows_read": [0, 0]}
    five = {"seconds": 2.8, "memory_mb": 16, "rows": 5, "buckets": 5, "rows_read": [1226, 1226]}
    assert list(lines({"equal": nothing, "differing": five})) == [
        "equal         1.9 s, 14 MB; 0 rows differ in 0 buckets; 0 rows read of the source, 0 of Postgres",
        "differing     2.8 s, 16 MB; 5 rows differ in 5 buckets; 1,226 rows read of the source, 1,226 of Postgres",
    ]
