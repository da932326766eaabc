"""Which weeks `make up` lands, on any day."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dev.up.sample import due_weeks
from sqp_provider.core.settings import Settings

SETTINGS = Settings.checked({"source": {"table": "amazon.search_query_performance"}}, origin="test")


@pytest.mark.parametrize(
    ("today", "last_week", "weeks", "first_week"),
    [
        (datetime(2026, 11, 24, tzinfo=UTC), date(2026, 11, 8), 19, date(2026, 7, 5)),
        (datetime(2026, 11, 18, 23, 59, tzinfo=UTC), date(2026, 11, 1), 18, date(2026, 7, 5)),
        (datetime(2027, 1, 6, tzinfo=UTC), date(2026, 12, 20), 25, date(2026, 7, 5)),
        (datetime(2027, 1, 8, tzinfo=UTC), date(2026, 12, 27), 13, date(2026, 10, 4)),
    ],
)
def test_weeks_from_the_newest_due_quarters_first_to_the_newest_due(
    today: datetime, last_week: date, weeks: int, first_week: date
) -> None:
    assert due_weeks(today, SETTINGS) == (last_week, weeks)
    assert last_week - timedelta(weeks=weeks - 1) == first_week
