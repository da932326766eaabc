"""Which feeds a viewer may see, and which of them an address is about. A single feed is one of these."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Request
from sqlalchemy import select

from sqp_provider.core.feeds import Feeds
from sqp_provider.core.period import SyncType
from sqp_provider.core.settings import Settings
from sqp_provider.status.addresses import feed_path
from sqp_provider.status.config import page_feeds


class NoSuchFeed(HTTPException):
    """404 for a feed that the file does not have, and just so for one that the viewer may not see."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(404, detail)
        self.remedy = remedy


class NotPermitted(HTTPException):
    """403 for a viewer who may read none of the Dags of a file without feeds."""

    remedy = "Ask an administrator of Airflow for the right to read one of these Dags."

    def __init__(self, dag_ids: set[str]) -> None:
        super().__init__(
            403, f"You may read none of the Dags whose figures this page shows: {', '.join(sorted(dag_ids))}."
        )


def visible_feeds(request: Request, user: GetUserDep) -> Feeds:
    """Return the feeds that the viewer may see.

    :raises NotPermitted: there is only one, and the viewer may read none of its Dags.
    """
    feeds = page_feeds()
    request.state.has_feeds = not feeds.is_single
    seen = permitted(feeds, user)
    if feeds.is_single and not seen.settings:
        raise NotPermitted(sync_dags(feeds.of(None)))
    return seen


def permitted(feeds: Feeds, user: Any) -> Feeds:
    """Leave the feeds of which the viewer may read a sync Dag.

    A feed with a mistake has no Dags any more, and its mistake may name another feed: whoever sees all others sees it
    too, unless Airflow still knows Dags of it that the viewer may not read.
    """
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    dags = {name: sync_dags(settings) for name, settings in feeds.settings.items()}
    dags |= {name: sync_dags(feeds.stand_in(name)) for name in feeds.mistakes}
    unread = {name for name, own in dags.items() if not own & readable}
    # A feed is in the file before Airflow has read its Dags.
    known = _known(set().union(*(dags[name] for name in unread)))
    refused = {name for name in unread if dags[name] & known}
    seen = {
        name: settings
        for name, settings in feeds.settings.items()
        if name not in unread or (name not in refused and _may_read_unknown(dags[name], user))
    }
    sees_all = len(seen) == len(feeds.settings) and (bool(seen) or _may_read_unknown({SyncType.WEEKLY.dag_id}, user))
    mistakes = {name: text for name, text in feeds.mistakes.items() if sees_all and name not in refused}
    return replace(feeds, settings=seen, mistakes=mistakes)


def sync_dags(settings: Settings) -> set[str]:
    """``{"sqp_weekly_sync__acme_us", …}``: the ids of a feed's three sync Dags."""
    return {settings.dag_id(sync_type) for sync_type in SyncType}


def _known(dag_ids: set[str]) -> set[str]:
    if not dag_ids:
        return set()
    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids))))


def _may_read_unknown(dag_ids: set[str], user: Any) -> bool:
    """Whether the viewer may read Dags that Airflow does not know yet. Where teams own Dags, nobody can say."""
    if conf.getboolean("core", "multi_team", fallback=False):
        return False
    return bool(get_auth_manager().filter_authorized_dag_ids(dag_ids=dag_ids, user=user, method="GET"))


Visible = Annotated[Feeds, Depends(visible_feeds)]


def chosen_feed(request: Request, feeds: Visible) -> Settings:
    """Return the settings of the feed in the address; without one, those of the only feed.

    :raises NoSuchFeed: it names no feed that the viewer may see, or none although there are several.
    :raises InvalidSettings: the feed has a mistake.
    """
    name = request.path_params.get("feed")
    if feeds.is_single and name is not None:
        raise NoSuchFeed(f"There is no feed {name}: the configuration has no feeds.", "Leave it out of the address.")
    if name not in feeds.settings and name not in feeds.mistakes:
        raise _no_such_feed(name, feeds)
    settings = feeds.of(name)
    request.state.settings = settings
    return settings


def _no_such_feed(name: str | None, feeds: Feeds) -> NoSuchFeed:
    known = ", ".join(sorted(feeds.names)) or "none"
    missing = "The address names no feed." if name is None else f"There is no feed {name} that you may read."
    example = feed_path(feeds.names[0] if feeds.names else "acme_us")
    return NoSuchFeed(
        f"{missing} Those that you may read: {known}.",
        f"Choose one among all feeds; its addresses begin with {example}/.",
    )


Chosen = Annotated[Settings, Depends(chosen_feed)]
