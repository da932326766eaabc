"""Print what the demo did, from Airflow's task instances and the target database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from sqp_provider.core.run import TASKS


class Report:
    """Tables on the terminal. Each shows the rows of one query, a .sql file of this folder."""

    def __init__(self, dsn: str, schema: str) -> None:
        self.dsn = dsn
        self.schema = schema
        self.console = Console(width=120, highlight=False)

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, soft_wrap=True)  # a command that is printed has to be one line

    def query(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run one of the queries."""
        statement = Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            connection.execute("select set_config('search_path', %s, false)", [self.schema])
            return connection.execute(cast("Any", statement), values).fetchall()

    def show(self, title: str, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run one of the queries and print its rows as a table."""
        rows = self.query(name, **values)
        self.table(title, rows)
        return rows

    def table(self, title: str, rows: Sequence[dict[str, Any]]) -> None:
        """Print rows as a table."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for column, value in (rows[0] if rows else {"nothing": ""}).items():
            number = isinstance(value, int) and not isinstance(value, bool)
            table.add_column(column.replace("_", " "), justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*(f"{value:,}" if type(value) is int else printable(value) for value in row.values()))
        self.console.print()
        self.console.print(table)

    def stage_times(self, runs: Sequence[tuple[str, Any]]) -> None:
        """Print how long each stage of each run took."""
        rows = []
        for title, run in runs:
            tasks = {task.task_id: task for task in run.get_task_instances()}
            times = {stage: _seconds(tasks[stage]) for stage in TASKS}
            rows.append({"run": title, **times, "state": str(run.state)})
        self.table("Stages, seconds", rows)


def printable(value: Any) -> str:
    """Return the text without control characters, so that a malformed query cannot garble the terminal."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text).replace("[", r"\[")


def _seconds(task: Any) -> str:
    return "skipped" if task.state == "skipped" else f"{task.duration or 0:.2f}"
