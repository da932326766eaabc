"""The base of the tasks in Dags that all feeds share."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from sqp_provider.core.errors import InvalidSettings
from sqp_provider.core.feeds import Feeds
from sqp_provider.core.settings import Settings


class FeedOperator(BaseOperator):
    """A task of one feed.

    :param settings: the feed's settings, or those of all feeds where the task is mapped over their names.
    :param feed: the feed's name where the task is mapped.
    """

    def __init__(self, *, settings: Settings | Feeds, feed: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.given = settings
        self.feed = feed

    @property
    def settings(self) -> Settings:
        """The feed's settings.

        Looked up when the task runs, so that a feed with a mistake fails alone and says what it is.
        """
        return self.given.of(self.feed) if isinstance(self.given, Feeds) else self.given

    @property
    def alerting(self) -> Settings:
        """The settings for alerts about this task: of a feed with a mistake those of the defaults."""
        try:
            return self.settings
        except InvalidSettings:
            if not isinstance(self.given, Feeds) or self.feed is None:
                raise
            return self.given.stand_in(self.feed)

    def skip_unless_chosen(self, context: Context) -> None:
        """Skip this feed if the field ``feeds`` of the run's form names only others.

        :raises AirflowSkipException: it does.
        :raises InvalidSettings: the form names a feed that the configuration does not have.
        """
        if isinstance(self.given, Feeds) and self.feed not in self.given.chosen(context["params"].get("feeds")):
            raise AirflowSkipException(f"feed {self.feed} was not chosen for this run")
