"""Keep what the planner knows of the partitioned tables as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqp_provider.hooks.postgres import SqpPostgresHook

_HAS_ANALYZE_ONLY = 180_000


@dataclass(frozen=True)
class Statistics:
    """The statistics of the summary tables. Autovacuum collects those of each partition, never those of the table."""

    postgres: SqpPostgresHook

    def refresh(self) -> Iterator[str]:
        """Analyze each table that has grown by a tenth since it was analyzed, and yield its name.

        Neither readers nor writers wait for it. A publish tries again until the table is analyzed.

        :raises TargetBusy: somebody attaches partitions all the time.
        """
        with self.postgres.transaction() as database:
            outdated = database.connection.execute(database.statement("statistics", "outdated")).fetchall()
        for table in outdated:
            with self.postgres.transaction() as database:
                database.wait_patiently()
                only = database.connection.info.server_version >= _HAS_ANALYZE_ONLY
                name = "analyze_only" if only else "analyze"
                database.run("statistics", name, table=database.table(table["target_table"]))
            yield table["target_table"]
