"""The configuration file: one feed, or several that differ from the defaults above them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sqp_provider.core.config_file import NO_VARIABLES, filled, merged, read
from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.mistake import mistake
from sqp_provider.core.settings import LONGEST_SCHEMA, STAGING_SUFFIX, Settings

ALL = "all"
"""The name that no feed can have: ``sqp_all`` has the views over all feeds."""

SAME_FOR_ALL = ("airflow", "feed", "feeds")
"""The keys of the file that a feed cannot have."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Feeds:
    """The settings of each feed that can be used, and what is wrong with the others.

    ``Feeds.load(Path("dags/sqp_config.yaml")).of("acme_us").target.schema_name == "sqp_acme_us"``

    :param origin: the path of the file, for messages.
    :param prefix: what the schemas of the feeds begin with: the defaults' ``target.schema``.
    :param defaults: what the Dags of all feeds share. Its ``source`` may say nothing.
    :param settings: in the order of the file. The only feed of a file without ``feeds`` has the name None.
    :param mistakes: of the feeds that cannot be used.
    """

    origin: str
    prefix: str
    defaults: Settings
    settings: Mapping[str | None, Settings]
    mistakes: Mapping[str, str]

    def __str__(self) -> str:
        """``3 feeds``; Airflow stores this text of an operator's argument, so it names no path that may change."""
        return f"{len(self.names)} feeds"

    @property
    def is_single(self) -> bool:
        """Whether the file has no ``feeds``."""
        return None in self.settings

    @property
    def names(self) -> list[str]:
        """Every feed that the file names, those with mistakes last; empty for a single one."""
        return [*filter(None, self.settings), *self.mistakes]

    @property
    def together(self) -> str:
        """``sqp_all``: the schema of the views over all feeds."""
        return f"{self.prefix}_{ALL}"

    def of(self, name: str | None) -> Settings:
        """Return the settings of a feed; None is the only feed of a file without ``feeds``.

        :raises InvalidSettings: its settings have a mistake, or the file does not have the feed.
        """
        if name in self.settings:
            return self.settings[name]
        if name is not None and name in self.mistakes:
            raise InvalidSettings(f"{self.origin}: {self.mistakes[name]}")
        if self.is_single:
            raise InvalidSettings(f"{self.origin}: has no feeds, so there is no feed {name}. Leave the name out.")
        known = ", ".join(self.names)
        raise InvalidSettings(
            f"{self.origin}: has the feeds {known}. "
            + ("Name one of them." if name is None else f"There is no feed {name}.")
        )

    def stand_in(self, name: str) -> Settings:
        """Return what alerts about a feed with a mistake use: the defaults, and the schema that its name gives it.

        If that schema is another feed's, its alerts are that feed's own: then a schema that remembers none.
        """
        schema = f"{self.prefix}_{name}"
        if any(settings.target.schema_name == schema for settings in self.settings.values()):
            schema = self.together
        target = self.defaults.target.model_copy(update={"schema_name": schema})
        return self.defaults.model_copy(update={"feed": name, "target": target})

    def chosen(self, names: Sequence[str] | None) -> list[str]:
        """Return those of the feeds that somebody has named; all if nobody did.

        :raises InvalidSettings: a name that the file does not have.
        """
        for name in names or ():
            if name not in self.names:
                self.of(name)
        return [name for name in self.names if not names or name in names]

    def refuse_mistakes(self) -> None:
        """Say which feeds cannot be used.

        :raises InvalidSettings: each mistake once, with the feeds that have it.
        """
        if not self.mistakes:
            return
        feeds: dict[str, list[str]] = {}
        for name, text in self.mistakes.items():
            feeds.setdefault(text, []).append(name)
        found = "; ".join(f"{text} (feed {', '.join(names)})" for text, names in feeds.items())
        raise InvalidSettings(
            f"{self.origin}: {found}. There are no Dags of "
            f"{'this feed' if len(self.mistakes) == 1 else 'these feeds'} until that is corrected, and their tables "
            f"stay as they are.{' The other feeds work.' if self.settings else ''}"
        )

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] = NO_VARIABLES) -> Feeds:
        """Read and check the file.

        :param environment: what ``${NAME}`` in the file stands for.
        :raises InvalidSettings: the file cannot be read, or its only feed or the defaults have a mistake: each with
            its key, what was found and what was expected. Mistakes of one of several feeds are in ``mistakes``.
        """
        return cls.checked(read(path), origin=str(path), environment=environment)

    @classmethod
    def checked(cls, content: dict[str, Any], *, origin: str, environment: Mapping[str, str] = NO_VARIABLES) -> Feeds:
        """Check what was read from ``origin``, which the messages name."""
        if "feed" in content:
            raise InvalidSettings(f"{origin}: feed: is not a setting; several feeds are named below 'feeds'")
        defaults = {key: value for key, value in content.items() if key != "feeds"}
        if "feeds" not in content:
            settings = Settings.checked(filled(defaults, environment), origin=origin)
            return cls(origin, settings.target.schema_name, settings, {None: settings}, {})
        feeds = content["feeds"]
        if not (isinstance(feeds, dict) and feeds):
            raise InvalidSettings(
                f"{origin}: feeds: expected a name for each feed, with what differs from the sections above; "
                "leave 'feeds' out for a single feed"
            )
        return cls._several(defaults, feeds, origin, environment)

    @classmethod
    def _several(
        cls, defaults: dict[str, Any], feeds: dict[Any, Any], origin: str, environment: Mapping[str, str]
    ) -> Feeds:
        without_source = {**defaults, "source": {"table": "of.each_feed"}}
        shared = Settings.checked(filled(without_source, environment), origin=origin)
        prefix = shared.target.schema_name
        settings: dict[str | None, Settings] = {}
        mistakes: dict[str, str] = {}
        for name, own in feeds.items():
            try:
                found = _settings_of(name, {} if own is None else own, defaults, prefix, environment)
                _refuse_shared(found, settings.values(), prefix)
                settings[name] = found
            except InvalidSettings as error:
                mistakes[str(name)] = str(error)
        return cls(origin, prefix, shared, settings, mistakes)


def _settings_of(
    name: Any, own: Any, defaults: dict[str, Any], prefix: str, environment: Mapping[str, str]
) -> Settings:
    _refuse_name(name)
    if not isinstance(own, dict):
        raise InvalidSettings(f"feeds.{name}: expected sections such as 'source:', found {type(own).__name__}")
    for key in SAME_FOR_ALL:
        if key in own:
            raise InvalidSettings(f"feeds.{name}.{key}: cannot differ between feeds")
    content = merged({**defaults, "feed": name}, own)
    target = content.get("target", {})
    if isinstance(target, dict) and not _own_schema(own):
        schema = f"{prefix}_{name}"
        if len(schema) > LONGEST_SCHEMA:
            raise InvalidSettings(
                f"feeds.{name}: its schema {schema} would have {len(schema)} characters; expected at most "
                f"{LONGEST_SCHEMA}. Shorten the name, or give the feed a target.schema"
            )
        content["target"] = {**target, "schema": schema}  # anew: a YAML alias may give other feeds the same mapping
    try:
        return Settings.model_validate(filled(content, environment))
    except ValidationError as error:
        raise InvalidSettings("; ".join(_mistakes_of(name, own, error))) from None


def _own_schema(own: dict[str, Any]) -> Any:
    target = own.get("target")
    return isinstance(target, dict) and target.get("schema")


def _mistakes_of(name: str, own: dict[str, Any], error: ValidationError) -> Iterator[str]:
    """Say each mistake with its place: that of the feed, or that of the defaults."""
    for detail in error.errors(include_url=False):
        place: Any = own
        for key in detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"]:
            place = place.get(key) if isinstance(place, dict) else None
        yield (f"feeds.{name}." if place is not None or detail["type"] == "missing" else "") + mistake(detail)


def _refuse_name(name: Any) -> None:
    if not isinstance(name, str):
        raise InvalidSettings(
            f"feeds.{name}: YAML reads this name as {type(name).__name__}; expected a text. Put it in quotes"
        )
    if not _NAME.fullmatch(name) or len(name) > LONGEST_SCHEMA:
        raise InvalidSettings(
            f"feeds.{name}: cannot be a feed's name; expected at most {LONGEST_SCHEMA} lower-case letters, digits and "
            "underscores, a letter first"
        )
    if name == ALL or name.endswith(STAGING_SUFFIX):
        raise InvalidSettings(f"feeds.{name}: is reserved; '{ALL}' and names that end in {STAGING_SUFFIX} are ours")


def _refuse_shared(found: Settings, others: Any, prefix: str) -> None:
    schema = found.target.schema_name
    for other in others:
        if other.target.schema_name == schema:
            raise InvalidSettings(
                f"feeds.{found.feed}.target.schema: feed {other.feed} has the schema {schema}; expected one of its own"
            )
    if schema == f"{prefix}_{ALL}":
        raise InvalidSettings(
            f"feeds.{found.feed}.target.schema: {schema} is reserved for the views over all feeds; expected another"
        )
