"""The views over all feeds: what they say of each feed, and which feeds they leave out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqp_provider.core.landing import Condition
from sqp_provider.core.ownership import Owner
from sqp_provider.core.period import SyncType
from sqp_provider.core.revision import SchemaVersion
from sqp_provider.core.source_settings import SourceSettings

SUMS = ("weekly_query", "weekly_asin", "monthly_query", "monthly_asin", "quarterly_query", "quarterly_asin")
"""The views of a feed with one row for each query, or each ASIN, of each period."""

VIEWS = (*(t.target_table for t in SyncType), *SUMS, "period_status", "sync_log", "data_quality_checks")
"""What each feed has, and what is there over all of them."""

LONGEST_COLUMN = 63
"""In bytes: Postgres cuts off the rest of a name."""

_MARK = re.compile(r"SQP Sync: all feeds of Airflow (?P<airflow>.+) together \((?P<wanted>\w*) (?P<definitions>\w*)\)")


@dataclass(frozen=True)
class SchemaFound:
    """What a migrated schema says of itself."""

    schema: str
    revision: str | None
    files: str | None
    schema_name: str | None
    airflow: str | None
    feed: str | None

    @property
    def version(self) -> SchemaVersion:
        """The version of its tables and functions."""
        return SchemaVersion(self.revision, self.files)

    @property
    def no_feed_has(self) -> str:
        """Say that the schema belongs to a feed that the configuration does not have."""
        return (
            f"Schema {self.schema} belongs to feed {self.feed} of this Airflow, and no feed of the configuration has "
            "this schema. Nothing is done with it."
        )

    @property
    def ways_out(self) -> str:
        """Say what to do about that."""
        return (
            f"If the feed was renamed, give it target.schema: {self.schema} to keep its history, and take the schema "
            f"over. If it was removed, 'sqp delete-feed {self.feed} --schema {self.schema}' says what deleting it "
            "would delete."
        )

    def belongs_to(self, owner: Owner, *, or_nobody: bool = True) -> bool:
        """Return whether a feed may sync into it; nobody owns it before the first sync of a feed."""
        if self.airflow is None or (self.airflow == owner.airflow and self.feed is None):
            return or_nobody
        return Owner(self.airflow, self.feed) == owner


@dataclass(frozen=True)
class Mark:
    """The comment of a schema of views, by which it is known as ours.

    :param airflow: whose feeds they show.
    :param wanted: a hash of the statements that made the views.
    :param definitions: a hash of what Postgres made of them.
    """

    airflow: str
    wanted: str
    definitions: str

    def __str__(self) -> str:
        return f"SQP Sync: all feeds of Airflow {self.airflow} together ({self.wanted} {self.definitions})"

    @classmethod
    def of(cls, comment: str | None) -> Mark | None:
        """Read a comment; None if it is not ours."""
        found = _MARK.fullmatch(comment or "")
        return cls(**found.groupdict()) if found else None


def why_left_out(schema: str, found: SchemaFound | None, owner: Owner, known: SchemaVersion) -> str | None:
    """Return why the views do not have a feed, or None if they do."""
    if found is None:
        return f"schema {schema} was not migrated yet, or may not be read"
    if not found.belongs_to(owner):
        return f"schema {schema} belongs to {Owner(str(found.airflow), found.feed)}"
    if found.schema_name not in (schema, None):
        return f"schema {schema} was called {found.schema_name} when it was migrated"
    if found.version != known:
        return f"schema {schema} is at version {found.version}, and this code needs {known}"
    return None


def fixed_by_feed(sources: Mapping[str, SourceSettings], taken: Collection[str]) -> dict[str, dict[str, str | None]]:
    """Return for each feed what its settings fix, by the name of a column that every feed has.

    ``{"acme_us": {"client_name": "Acme", "marketplace": "ATVPDKIKX0DER"}, "bolt": {"client_name": "Bolt",
    "marketplace": None}}``

    :param taken: the columns of the views.
    """
    shared = {name for source in sources.values() for name, times in _last_parts(source).items() if times > 1}
    found = {feed: dict(_fixed(source, taken, shared)) for feed, source in sources.items()}
    columns = sorted({column for values in found.values() for column in values})
    return {feed: {column: values.get(column) for column in columns} for feed, values in found.items()}


def _last_parts(source: SourceSettings) -> Counter[str]:
    return Counter(_snake_case(path.rpartition(".")[2]) for path in source.where)


def _fixed(source: SourceSettings, taken: Collection[str], shared: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield column and text of each condition.

    :param shared: last parts that two paths of a feed have, such as ``account.id`` and ``client.id``.
    """
    if source.marketplace:
        yield "marketplace", source.marketplace
    for path, condition in source.where.items():
        name = _snake_case(path.rpartition(".")[2])
        if name in shared:
            name = _snake_case(path)
        if not name or name in taken or (name == "marketplace" and source.marketplace):
            name = f"where_{name or 'column'}"
        yield name.encode()[:LONGEST_COLUMN].decode(errors="ignore"), _text(condition)


def _snake_case(path: str) -> str:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", path)
    return re.sub(r"\W+", "_", apart.lower()).strip("_")


def _text(condition: Condition) -> str:
    """``US, CA``; what is true or null is written as in the configuration."""
    words = {True: "true", False: "false", None: "null"}
    return ", ".join(
        words[value] if value is None or isinstance(value, bool) else str(value) for value in condition.values
    )
