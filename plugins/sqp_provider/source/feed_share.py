"""Which part of the newest week's rows belongs to a feed, and what clustering would save of the others."""

from __future__ import annotations

from collections.abc import Collection

from sqp_provider.core.cost import size
from sqp_provider.core.doctor import Answer, good
from sqp_provider.core.feed_share import FeedShare, savings, together
from sqp_provider.core.period import Period
from sqp_provider.source.clustering import clusterable, clustered_by
from sqp_provider.source.dry_runs import DryRuns
from sqp_provider.source.table import Source

MOST_BYTES = 2**30
"""What counting may read: one day's column or two. More is not counted."""


def share_of_feed(source: Source, dry_runs: DryRuns, week: Period, count: int, common: Collection[str] = ()) -> Answer:
    """Count the rows of a week with one small query, and say what clustering saves of the bytes of the dry runs.

    :param count: how many feeds read the table.
    :param common: columns, in lower case, of which all of them ask the same.
    """
    statement, parameters = source.share_statement(), source.parameters(week)
    reads = source.hook.bytes_of(statement, parameters, source.location)
    in_all = [together(count, dry_runs.week_bytes(), dry_runs.price_per_tib)] if count > 1 else []
    if reads > MOST_BYTES:
        return good(" ".join([f"not counted, because that would read {size(reads)}.", *in_all]))
    (row,) = source.hook.rows(statement, parameters, MOST_BYTES, location=source.location, labels=source.labels)
    share = FeedShare(row["own_rows"], row["all_rows"])
    said = [f"{share} of {week.dates}." if share.of_all else f"no row of {week.dates} has landed, so none is counted."]
    if share.is_part:
        columns = clusterable(source.landing, common)
        said.append(savings(share, dry_runs.reading(), columns, clustered_by(columns, source.landing.facts)))
    return good(" ".join([*said, *in_all]))
