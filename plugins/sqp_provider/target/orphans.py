"""The doctor's question about schemas of feeds that were renamed or removed."""

from __future__ import annotations

from sqp_provider.core.doctor import Answer, good, warning
from sqp_provider.core.feeds import Feeds
from sqp_provider.hooks.postgres import SqpPostgresHook
from sqp_provider.target.doctor import reading


def orphans(hook: SqpPostgresHook, feeds: Feeds, airflow: str) -> Answer:
    """Say which schemas of this database belong to this Airflow and to no feed of the configuration.

    :param hook: the connection that migrates.
    :param airflow: the name of this Airflow, ``https://airflow.example.com``.
    """
    from sqp_provider.feed_views import FeedViews  # which loads what migrates

    with reading(hook) as database:
        found = FeedViews(database.connection, feeds, airflow).orphans()
    if found:
        return warning(" ".join(each.no_feed_has for each in found), " ".join(each.ways_out for each in found))
    return good("each schema of this Airflow in this database is that of a feed")
