"""One table with the reports of several feeds: marketplaces or clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from dev.sample_data.source import SampleSource

KINDS = {str: "STRING", int: "INT64", bool: "BOOL"}

Value = str | int | bool


@dataclass(frozen=True)
class SharedTable:
    """One feed's rows in a table that others share. Its reports land in a table of their own, and from there here.

    >>> SharedTable(client, "agency.search_query_performance", "acme_de", {"marketplace": "DE"}).land()

    :param own: what the columns have that tell the feeds apart.
    """

    client: bigquery.Client
    table: str
    feed: str
    own: Mapping[str, Value]

    @property
    def report(self) -> SampleSource:
        """The table of the feed's own reports."""
        return SampleSource(self.client, f"{self.table}_{self.feed}")

    def create(self) -> None:
        """Create the table in place of an existing one, empty, after the reports' own table."""
        self._run("shared_create")

    def land(self) -> None:
        """Let the rows of the reports take the place of what the feed has in the table, which others' rows share."""
        try:
            self._run("shared_forget")
        except NotFound:
            self.create()
        self._run("shared_land")

    def _run(self, statement: str) -> None:
        """Run the .sql file of that name."""
        named = [(f"`{column}`", f"@own_{number}") for number, column in enumerate(self.own)]
        texts = {
            "table": self.table,
            "report": self.report.table,
            "columns": ", ".join(column for column, _ in named),
            "values": ", ".join(f"{value} as {column}" for column, value in named),
            "conditions": " and ".join(f"{column} = {value}" for column, value in named),
        }
        sql = Path(__file__).with_name(f"{statement}.sql").read_text(encoding="utf-8")
        for name, text in texts.items():
            sql = sql.replace(f"{{{name}}}", text)
        parameters = [
            bigquery.ScalarQueryParameter(f"own_{number}", KINDS[type(value)], value)
            for number, value in enumerate(self.own.values())
        ]
        self.client.query(sql, job_config=bigquery.QueryJobConfig(query_parameters=parameters)).result()
