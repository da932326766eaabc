"""The section ``source`` of sqp_config.yaml as it is proposed, written with a comment beside each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from sqp_provider.core.fields import Field


@dataclass(frozen=True)
class Line:
    """One line of the file.

    :param value: None for null; ``MISSING`` for what a person has to fill in.
    """

    key: str
    value: Any
    why: str


MISSING = object()
"""The value of a key for which no column was found, although the sync cannot do without."""


@dataclass
class Proposal:
    """What the file would say under ``source``.

    :param feeds: the fields that may tell sellers, clients or marketplaces apart.
    :param marketplace: the one of them that is the marketplace.
    :param several: the feeds that the table holds, if it holds several.
    """

    table: str
    unnest: str | None = None
    columns: list[Line] = field(default_factory=list)
    where: list[Line] = field(default_factory=list)
    same_feed: list[Line] = field(default_factory=list)
    marketplace: Line | None = None
    feeds: list[Field] = field(default_factory=list)
    marketplace_path: str | None = None
    several: list[Line] = field(default_factory=list)
    staging: Line = field(default_factory=lambda: Line("staging_dataset", "sqp_staging", "where snapshots are written"))

    @property
    def missing(self) -> list[str]:
        """The required columns for which nothing was found."""
        return [line.key for line in self.columns if line.value is MISSING]

    def content(self) -> dict[str, Any]:
        """Return the file's content, for Settings to check; without what is missing."""
        source: dict[str, Any] = {"table": self.table, "staging_dataset": self.staging.value}
        if self.unnest:
            source["unnest"] = self.unnest
        source["columns"] = {line.key: line.value for line in self.columns if line.value is not MISSING}
        if self.marketplace:
            source["marketplace"] = self.marketplace.value
        if self.where:
            source["where"] = {line.key: line.value for line in self.where}
        if self.same_feed:
            source["same_feed"] = [line.key for line in self.same_feed]
        return {"source": source}

    def as_yaml(self) -> str:
        """Return the file, a comment beside each line."""
        lines = [Line("table", self.table, ""), self.staging]
        if self.unnest:
            lines.append(Line("unnest", self.unnest, "a list; each of its entries is a row"))
        text = ["source:", *(_written(line, 2) for line in lines), "  columns:"]
        text += [_written(line, 4) for line in self.columns]
        if self.marketplace:
            text.append(_written(self.marketplace, 2))
        if self.where:
            text += ["  where:", *(_written(line, 4) for line in self.where)]
        if self.same_feed:
            text += ["  same_feed:", *(f"    - {_flow(line.key)}{_comment(line.why)}" for line in self.same_feed)]
        if self.several:
            text += ["# For all of them at once, each with a schema of its own:", "# feeds:"]
            text += [f"# {_written(line, 2)}" for line in self.several]
        return "\n".join(text) + "\n"


def _written(line: Line, indent: int) -> str:
    value = "" if line.value is MISSING else f" {_flow(line.value)}"
    return f"{' ' * indent}{_flow(line.key)}:{value}{_comment(line.why)}"


def _comment(why: str) -> str:
    return f"  # {comment_text(why)}" if why else ""


def comment_text(text: str) -> str:
    """Return a text as one line that YAML takes for a comment, whatever a landed value in it has."""
    return yaml.reader.Reader.NON_PRINTABLE.sub("?", " ".join(text.split()))


def _flow(value: Any) -> str:
    """Return a value in one line; in double quotes where another way would not be read as the same value."""
    line = _dumped(value)
    if "\n" not in line and yaml.safe_load(f"- {line}  # why") == [value]:
        return line
    return _dumped(value, '"')


def _dumped(value: Any, style: str | None = None) -> str:
    text = yaml.safe_dump(
        value, default_style=style, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").rstrip("\n")
