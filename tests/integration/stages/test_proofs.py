"""Proofs of periods and figures, over real stages: what each answer is, and that none of them changes anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from sqp_provider.core.period import SyncType
from sqp_provider.core.proof import Asked, bucket_of
from sqp_provider.core.proof_report import Proof
from sqp_provider.proof import Prover
from sqp_provider.source.proof import FreshSnapshot
from tests.fixtures import connection_to, settings_for
from tests.google_server import JOBS, GoogleServer, refusal
from tests.landing import COLUMNS, WEEK, Landing, report_row
from tests.pooler import pooled
from tests.restatements import check
from tests.stages import Stages

NOVEMBER = date(2026, 11, 1)
WEEKS = [date(2026, 11, day) for day in (1, 8, 15, 22, 29)]
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""The weeks before 2026-11-15 are due."""

Prove = Callable[..., Proof]


@pytest.fixture
def prove(stages: Stages) -> Prove:
    """Prove the week of 2026-11-08, or what is said."""

    def proof(
        first_day: date = WEEK, sync_type: SyncType = SyncType.WEEKLY, query: str | None = None, asin: str | None = None
    ) -> Proof:
        return Prover(stages.settings, Asked(sync_type, first_day, query, asin), NOW).prove()

    return proof


def sections(proof: Proof) -> dict[str, Any]:
    """What its sections say."""
    return {section.title: {line.name: line.text for line in section.lines} for section in proof.sections}


@pytest.fixture
def native(landing: Landing, dataset: str, stages: Stages) -> Stages:
    """The stages over a landing that has reports of months beside those of weeks."""
    landing.create(COLUMNS | {"report_period": "STRING"})
    columns = {"ingested_at": "ingested_at", "report_period": "report_period"}
    return Stages(settings_for(landing.table, dataset, source={"columns": columns}), stages.dsn)


def left_behind(landing: Landing, dataset: str, stages: Stages) -> tuple[Any, ...]:
    """All that a proof could leave or change."""
    tables = sorted(table.table_id for table in landing.client.list_tables(dataset))
    written = "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_xact_all_tables"
    rows = "select md5(string_agg(t::text, '' order by t::text)) from {} as t"
    names = ("weekly_summary", "synced_period", "sync_log", "source_period", "period_change", "period_version")
    return tables, stages.query(written), [stages.query(rows.format(name)) for name in names]


def test_a_week_that_equals_the_source_says_so_and_nothing_is_left_or_changed(
    stages: Stages, landing: Landing, dataset: str, prove: Prove
) -> None:
    landing.land(report_row("q"), report_row("r"))
    stages.sync(WEEK)
    before = left_behind(landing, dataset, stages)
    proof = prove()
    assert proof.answer == "weekly 2026-11-08..2026-11-14 equals the source: 2 rows on both sides, the same hash"
    assert (proof.verdict.exit_code, proof.advice, proof.difference) == (0, "", None)
    compared = sections(proof)["Compared"]
    assert compared["total_clicks"] == "100 at the source, 100 in Postgres"
    assert compared["hash, source now"] == compared["hash, Postgres now"] == compared["hash, as published"]
    assert left_behind(landing, dataset, stages) == before


def test_a_figure_comes_with_its_row_sync_job_and_checks(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("wireless mouse", asin="B000000001"), report_row("wireless mouse"), report_row("r"))
    run = stages.sync(WEEK)
    found = sections(prove(query=" Wireless  MOUSE", asin="b000000001"))
    row = found['Row "wireless mouse", B000000001']
    job = run["extract"]["job_id"]
    assert (row["total_clicks"], row["click_share"], row["bigquery_sync_id"]) == ("50", "0.050000", job)
    assert "market_click_price" in row["null"]
    sync = found["Sync 1"]
    assert (sync["Dag run"], sync["BigQuery job"]) == ("sqp_weekly_sync, manual__1, attempt 1", job)
    assert sync["checks"] == "29 passed, 0 with a warning, 0 failed"
    assert [title for title in found if title.startswith("Row ")] == ['Row "wireless mouse", B000000001']


def test_a_check_with_a_warning_is_named(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q", asin_click_count=900))
    stages.sync(WEEK)
    checks = sections(prove())["Sync 1"]
    assert checks["checks"] == "28 passed, 1 with a warning, 0 failed"
    assert "1 row" in checks["  warning"]


def test_a_query_alone_shows_its_rows_the_largest_first_and_no_more_than_twenty(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(*(report_row("q", asin=f"B0000000{n:02}", asin_impression_count=500 + n) for n in range(25)))
    stages.sync(WEEK)
    found = sections(prove(query="q"))
    rows = found['Rows with query "q": 25, of which the 20 with the most impressions follow']
    assert len(rows) == 20
    name, text = next(iter(rows.items()))
    assert name == "q, B000000024"
    assert text.startswith("total_impressions 524, total_clicks 50, ")
    assert text.count("sync_log_id 1,") == 1


def test_a_row_that_somebody_changed_is_shown_with_both_values_until_it_is_healed(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(*(report_row(f"q{n}") for n in range(40)))
    stages.sync(WEEK)
    stages.query("update weekly_summary set total_clicks = total_clicks + 1 where query = 'q7'")
    proof = prove(query="q7")
    assert proof.answer == (
        "weekly 2026-11-08..2026-11-14 differs from the source: 1 row (40 at the source, 40 in Postgres)"
    )
    assert proof.verdict.exit_code == 1
    assert proof.advice.startswith(
        "The row asked for is among them. Somebody else wrote to it: the source still has the rows that were published."
    )
    assert sections(proof)["Rows that differ (1 row)"] == {"q7, B00TEST001": "total_clicks: source 50, Postgres 51"}
    assert proof.difference is not None
    assert proof.difference.rows_read == (1, 1)
    assert prove(query="q8").advice.startswith("The row asked for is not among them.")

    (triggered,) = check(stages)
    stages.sync(triggered["conf"]["period_start"])
    assert prove().verdict.exit_code == 0


def test_a_rate_that_somebody_changed_is_found_too(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    stages.query("update weekly_summary set click_share = 0.5")
    assert sections(prove())["Rows that differ (1 row)"] == {
        "q, B00TEST001": "click_share: source 0.05, Postgres 0.500000"
    }


def test_rows_that_only_one_side_has_are_named_with_their_figures(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(report_row("kept"), report_row("lost"))
    stages.sync(WEEK)
    stages.query("delete from weekly_summary where query = 'lost'")
    stages.query(
        "insert into weekly_summary (period_start, period_end, query, asin, total_clicks)"
        " values ('2026-11-08', '2026-11-14', 'odd', 'B000000009', 7)"
    )
    proof = prove(query="lost", asin="B00TEST001")
    assert proof.answer.endswith("differs from the source: 2 rows (2 at the source, 2 in Postgres)")
    assert proof.advice.startswith("The row asked for is among them.")
    assert 'Changes of "lost", B00TEST001, newest first' in sections(proof)
    lost, odd = sections(proof)["Rows that differ (2 rows)"].items()
    assert lost[0] == "lost, B00TEST001"
    assert lost[1].startswith("missing in Postgres: total_impressions 765, total_clicks 50")
    assert odd[1].startswith("only in Postgres: total_impressions 0, total_clicks 7")


def test_a_source_that_was_restated_is_told_from_somebody_elses_write(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(report_row("q"), report_row("r"))
    stages.sync(WEEK)
    landing.land(report_row("q", asin_click_count=60, ingested_at="2026-11-19T06:00:00Z"))
    restated = prove()
    assert restated.verdict.exit_code == 1
    assert restated.advice == (
        "The source was restated since: Postgres has the rows that were published. The daily check (sqp_restatements) "
        "syncs it; or trigger sqp_weekly_sync with period start 2026-11-08."
    )
    stages.query("update weekly_summary set total_clicks = 1 where query = 'r'")
    both = prove()
    assert both.advice.startswith("The source was restated since it was published, and somebody else wrote to it too.")
    assert list(sections(both)["Rows that differ (2 rows)"].values()) == [
        "total_clicks: source 60, Postgres 50; avg_ctr: source 0.078431, Postgres 0.065359; "
        "avg_cvr: source 0.083333, Postgres 0.100000; click_share: source 0.06, Postgres 0.050000",
        "total_clicks: source 50, Postgres 1",
    ]


def test_a_write_that_left_the_sources_rows_is_said_although_they_are_equal(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    stages.query("update weekly_summary set total_clicks = 51")
    stages.query("update weekly_summary set total_clicks = 50")
    proof = prove()
    assert proof.verdict.exit_code == 0
    assert proof.advice == "Somebody else wrote to it after it was published, and left the source's rows."


def test_where_too_many_rows_differ_a_few_buckets_are_read_and_the_number_is_estimated(
    stages: Stages, landing: Landing, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqp_provider.core.proof.MOST_BUCKETS", 2)
    monkeypatch.setattr("sqp_provider.core.proof_report.MOST_SHOWN", 1)
    landing.land(*(report_row(f"q{n}") for n in range(30)))
    stages.sync(WEEK)
    stages.query("update weekly_summary set total_clicks = 1")
    buckets = {bucket_of(f"q{n}", "B00TEST001") for n in range(30)}
    proof = prove(query="q7", asin="B00TEST001")
    found = proof.difference
    assert found is not None
    assert (found.buckets, found.buckets_read, found.is_whole) == (len(buckets), 2, False)
    assert proof.answer.startswith("weekly 2026-11-08..2026-11-14 differs from the source: about ")
    assert proof.advice.startswith("The row asked for is among them.")
    unread = [n for n in range(30) if f"q{n}" not in {row.query for row in found.rows}]
    of_a_query = prove(query=f"q{unread[-1]}")
    assert of_a_query.advice.startswith("The row asked for is not among those that were read, which are not all.")
    assert "and not all rows that differ were read" in prove(query="nowhere").answer
    first, more = sections(proof)[f"Rows that differ ({found.count})"].items()
    assert first == ("q7, B00TEST001", "total_clicks: source 50, Postgres 1")
    assert more == ("…", f"1 of {found.count} are shown")


def test_a_figure_that_does_not_exist_is_not_proved_and_its_other_weeks_are_named(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    for week in WEEKS[:3]:
        landing.land(report_row("100% cotton" if week != WEEK else "q", week=week))
        stages.sync(week)
    proof = prove(query="100% cotton")
    assert proof.verdict.exit_code == 2
    assert proof.answer == (
        'weekly 2026-11-08..2026-11-14 could not be proved: Postgres has no row with query "100% cotton", nor is one '
        "missing from it; weekly periods that have it: 2026-11-15, 2026-11-01."
    )
    assert "which is not zero" in proof.advice
    assert "none of the newest periods has it" in prove(asin="B000000404").answer


def test_a_period_that_is_not_published_cannot_be_proved(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q"))
    missing = prove()
    assert missing.verdict.exit_code == 2
    assert missing.answer == (
        "weekly 2026-11-08..2026-11-14 could not be proved: it is not published, so there is nothing to prove."
    )
    assert missing.advice.startswith("To publish it, trigger sqp_weekly_sync with period start 2026-11-08;")
    stages.run_task(stages.new_run(WEEK), "log_start")
    assert "run manual__1 is syncing it for the first time" in prove().answer


def test_a_period_that_was_deleted_on_purpose_says_so(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    stages.query("update synced_period set state = 'deleted' where sync_type = 'weekly'")
    stages.query("delete from weekly_summary")
    proof = prove()
    assert proof.verdict.exit_code == 2
    assert "it was deleted on purpose at 20" in proof.answer
    assert proof.advice == "To have it again, trigger sqp_weekly_sync with period start 2026-11-08."


def test_an_empty_week_that_was_published_as_empty_equals_the_source(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    stages.sync(WEEK, allow_empty=True)
    assert prove().answer == ("weekly 2026-11-08..2026-11-14 equals the source: 0 rows on both sides, the same hash")
    landing.land(report_row("q"))
    assert prove().answer.endswith("differs from the source: 1 row (1 at the source, 0 in Postgres)")


def test_a_source_that_lost_all_rows_differs(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    landing.replace()
    proof = prove()
    assert proof.answer.endswith("differs from the source: 1 row (0 at the source, 1 in Postgres)")
    assert proof.advice.startswith("The source was restated since")


def test_a_week_that_is_being_synced_says_so(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    stages.run_task(stages.new_run(WEEK), "log_start")
    assert prove().advice == "Run manual__2 is syncing it now; this is what was published before."
    landing.replace(report_row("q", asin_click_count=60))
    proof = prove()
    assert proof.verdict.exit_code == 1
    assert proof.advice == "Run manual__2 is syncing it now. Prove it again when the run has finished."


def test_rows_from_before_the_first_sync_are_compared_with_the_source(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(report_row("q"))
    stages.query(
        "insert into weekly_summary (period_start, period_end, query, asin, total_clicks)"
        " values ('2026-11-08', '2026-11-14', 'q', 'B00TEST001', 7)"
    )
    proof = prove()
    assert proof.verdict.exit_code == 1
    assert proof.advice == (
        "It has the rows from before the first sync. To have the source's rows, trigger sqp_weekly_sync with period "
        "start 2026-11-08."
    )
    assert "Sync" not in " ".join(sections(proof))


def test_a_derived_month_is_proved_against_its_weeks_and_names_their_commands(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(*(report_row("q", week=week) for week in WEEKS[:2]), report_row("r"))
    for week in WEEKS[:2]:
        stages.sync(week)
    equal = prove(NOVEMBER, SyncType.MONTHLY)
    assert equal.answer == (
        "monthly 2026-11-01..2026-11-30 equals the sum of its 2 of 5 weeks that are synced so far: 2 rows on both "
        "sides, the same hash"
    )
    assert equal.verdict.exit_code == 0
    weeks = sections(equal)["Weeks of monthly 2026-11-01..2026-11-30"]
    assert weeks["2026-11-08..2026-11-14"] == "synced: sqp prove weekly 2026-11-08"
    assert weeks["2026-11-29..2026-12-05"] == "not due yet: sqp prove weekly 2026-11-29"
    assert "Across grains" not in sections(equal)

    stages.query("update monthly_summary set total_clicks = 7 where query = 'r'")
    wrong = prove(NOVEMBER, SyncType.MONTHLY, query="r")
    assert wrong.answer.endswith("differs from the sum of the weeks: 1 row (2 in the sum of the weeks, 2 in Postgres)")
    assert sections(wrong)["Rows that differ (1 row)"] == {"r, B00TEST001": "total_clicks: source 50, Postgres 7"}
    assert "The daily check (sqp_restatements) sums it again." in wrong.advice
    # the quarter is compared with its weeks, not with the month that somebody changed
    assert " equals the sum of its weeks, " in prove(date(2026, 10, 1), SyncType.QUARTERLY).answer


def test_a_sum_that_lacks_weeks_which_are_due_is_not_proved_and_names_them(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(*(report_row("q", week=week) for week in WEEKS[:2]))
    for week in WEEKS[:2]:
        stages.sync(week)
    quarter = prove(date(2026, 10, 1), SyncType.QUARTERLY)
    assert quarter.verdict.exit_code == 2
    assert quarter.answer == (
        "quarterly 2026-10-01..2026-12-31 equals the sum of its weeks, but only 2 of 13 weeks are synced; "
        "missing: 2026-10-04, 2026-10-11, 2026-10-18, 2026-10-25"
    )
    assert quarter.advice == (
        "To publish what is missing, trigger sqp_weekly_sync with period start 2026-10-04, 2026-10-11, 2026-10-18, "
        "2026-10-25."
    )


def test_a_month_that_equals_its_weeks_is_not_proved_while_one_of_them_is_overwritten(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(*(report_row("q", week=week) for week in WEEKS[:2]))
    for week in WEEKS[:2]:
        stages.sync(week)
    stages.query("update weekly_summary set total_clicks = 7 where period_start = '2026-11-08'")
    for first_day, sync_type in ((NOVEMBER, SyncType.MONTHLY), (date(2026, 10, 1), SyncType.QUARTERLY)):
        proof = prove(first_day, sync_type)
        assert " equals the sum of its weeks, but only 1 of " in proof.answer
        assert "overwritten: 2026-11-08" in proof.answer
        assert "sqp prove weekly 2026-11-08" in proof.advice
        assert proof.verdict.exit_code == 2
        (weeks,) = [lines for title, lines in sections(proof).items() if title.startswith("Weeks of ")]
        assert weeks["2026-11-08..2026-11-14"] == "overwritten: sqp prove weekly 2026-11-08"
    stages.sync(WEEK)
    assert prove(NOVEMBER, SyncType.MONTHLY).verdict.exit_code == 0


@pytest.mark.parametrize(
    ("first_day", "says", "advice"),
    [
        (date(2027, 1, 3), "it is not over before 2027-01-10", "sqp_weekly_sync syncs it on 2027-01-14."),
        (date(2026, 11, 22), "it is not over before 2026-11-29", "sqp_weekly_sync syncs it on 2026-12-03."),
    ],
)
def test_a_week_that_is_not_over_yet_says_when_it_is(first_day: date, says: str, advice: str, prove: Prove) -> None:
    proof = prove(first_day)
    assert proof.verdict.exit_code == 2
    assert proof.answer.endswith(f"could not be proved: {says}, so there is nothing to prove yet.")
    assert proof.advice == f"{advice} Prove it then."


def test_a_week_that_is_over_but_not_due_yet_says_when_it_is(stages: Stages, landing: Landing, prove: Prove) -> None:
    week = Prover(stages.settings, Asked(SyncType.WEEKLY, WEEK), datetime(2026, 11, 18, 23, tzinfo=UTC))
    assert "it is not due before 2026-11-19" in week.prove().answer
    assert "it is not published" in prove().answer


def test_amazons_own_month_is_shown_beside_the_weeks_and_no_difference_is_made_of_it(
    native: Stages, landing: Landing
) -> None:
    november = {"week": NOVEMBER, "end_date": "2026-11-30"}
    landing.land(*(report_row("q", week=week) | {"report_period": "WEEK"} for week in WEEKS))
    landing.land(
        report_row("q", asin_click_count=240, **november) | {"report_period": "MONTH"},
        report_row("only of the month", **november) | {"report_period": "MONTH"},
    )
    for week in WEEKS:
        native.sync(week)
    month = Prover(native.settings, Asked(SyncType.MONTHLY, NOVEMBER))
    derived = month.prove()
    assert derived.verdict.exit_code == 0
    across = sections(derived)["Across grains"]
    assert across["rows"] == "2 in Amazon's own month, 1 in the sum of its weeks"
    assert across["total_clicks"] == "290 in Amazon's own month, 250 in the sum of its weeks"
    assert "neither is wrong" in across["why they differ"]

    native.sync(NOVEMBER, SyncType.MONTHLY)
    synced = month.prove()
    assert synced.answer.startswith("monthly 2026-11-01..2026-11-30 equals the source: 2 rows on both sides")
    assert sections(synced)["Across grains"] == across


def test_the_statement_shows_every_landing_of_a_key_when_it_is_run_as_it_is(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(
        report_row("it's 50% off", asin_click_count=40, ingested_at="2026-11-17T06:00:00Z"),
        report_row("It's  50% OFF", asin_click_count=3),
        report_row("it's 50% off", asin_click_count=50),
        report_row("other"),
    )
    stages.sync(WEEK)
    statement = prove(query="it's 50% off", asin="B00TEST001").statement
    assert "@" not in statement
    rows = [dict(row.items()) for row in landing.client.query_and_wait(statement)]
    assert [(row["place"], row["search_query"], row["clicks"]) for row in rows] == [
        (1, "It's  50% OFF", 3),
        (1, "it's 50% off", 50),
        (2, "it's 50% off", 40),
    ]
    whole = landing.client.query_and_wait(prove().statement)
    assert len(list(whole)) == 4


def test_what_changed_a_row_is_told_newest_first(stages: Stages, landing: Landing, prove: Prove) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    stages.query("delete from period_change")
    stages.query("delete from period_version")
    stages.query(
        "insert into period_version (sync_type, period_start, version, how, sync_log_id, inserted, updated, deleted,"
        " is_kept, is_healing) values ('weekly', '2026-11-08', 7, 'difference', 1, 0, 1, 0, false, true)"
    )
    stages.query(
        "insert into period_change (id, sync_type, period_start, query, asin, change, before, after, version,"
        " is_healing, changed_at, changed_by) values"
        " (6, 'weekly', '2026-11-08', 'q', 'B00TEST001', 'updated', '{\"total_clicks\": 50}',"
        "  '{\"total_clicks\": 51}', null, false, '2026-11-19 06:00+00', 'dashboard'),"
        " (8, 'weekly', '2026-11-08', 'q', 'B00TEST001', 'updated', '{\"total_clicks\": 51}',"
        "  '{\"total_clicks\": 50}', 7, true, '2026-11-20 06:00+00', null)"
    )
    assert list(sections(prove(query="q"))['Changes of "q", B00TEST001, newest first'].items()) == [
        ("2026-11-20 06:00:00 UTC", "updated by publish 7 of sync 1, which healed it: total_clicks 51 → 50"),
        ("2026-11-19 06:00:00 UTC", "updated by somebody else (dashboard): total_clicks 50 → 51"),
        ("not kept", "1 publishes of the period changed more rows than are kept"),
    ]


@pytest.mark.parametrize(
    ("first_day", "says"),
    [
        (date(2026, 11, 9), "2026-11-09 (Monday) is not the first day of a weekly period"),
        (date(9999, 12, 31), "does not lie within the years 1 to 9999"),
    ],
)
def test_a_day_that_starts_no_period_is_refused(first_day: date, says: str, prove: Prove) -> None:
    proof = prove(first_day)
    assert proof.verdict.exit_code == 2
    assert says in proof.answer


def test_a_source_that_does_not_fit_or_answer_leaves_it_unproved(
    stages: Stages, landing: Landing, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    week = Asked(SyncType.WEEKLY, WEEK)
    gone = Prover(settings_for(f"{dataset}.nowhere", dataset), week).prove()
    assert gone.verdict.exit_code == 2
    assert "clear the task" not in gone.advice
    monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", "postgres://sqp:hunter2@127.0.0.1:1/x")
    unreachable = Prover(stages.settings, week).prove()
    assert unreachable.verdict.exit_code == 2
    assert "hunter2" not in unreachable.as_text()
    monkeypatch.delenv("AIRFLOW_CONN_SQP_POSTGRES")
    assert "sqp_postgres" in Prover(stages.settings, week).prove().answer


def test_a_snapshot_that_would_read_too_many_bytes_is_refused_and_nothing_is_left(
    stages: Stages, landing: Landing, dataset: str, google: GoogleServer, prove: Prove
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    tables = sorted(table.table_id for table in landing.client.list_tables(dataset))
    google.answers(JOBS, refusal(400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed"))
    proof = prove()
    assert proof.verdict.exit_code == 2
    assert "Query exceeded limit for bytes billed" in proof.answer
    assert "Raise source.maximum_bytes_billed" in proof.advice
    assert sorted(table.table_id for table in landing.client.list_tables(dataset)) == tables


def test_who_interrupts_a_proof_leaves_no_snapshot_and_no_job_that_runs(
    stages: Stages, landing: Landing, dataset: str, prove: Prove, google: GoogleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    tables = sorted(table.table_id for table in landing.client.list_tables(dataset))

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sqp_provider.source.table.Source.read_totals", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prove()
    assert sorted(table.table_id for table in landing.client.list_tables(dataset)) == tables
    assert len(google.asked(r"POST .*/jobs/sqp_prove_weekly_20261108_[^/]+/cancel")) == 1


def test_a_month_that_is_summed_is_proved_without_bigquery(
    stages: Stages, landing: Landing, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(*(report_row("q", week=week) for week in WEEKS[:2]))
    for week in WEEKS[:2]:
        stages.sync(week)
    monkeypatch.setenv(
        "AIRFLOW_CONN_SQP_BIGQUERY",
        '{"conn_type": "gcpbigquery", "extra": {"project": "sqp-demo", "is_anonymous": true,'
        ' "api_endpoint": "http://127.0.0.1:1"}}',
    )
    proof = prove(NOVEMBER, SyncType.MONTHLY)
    assert proof.verdict.exit_code == 0
    assert proof.statement.startswith("-- BigQuery could not be asked: ")
    assert prove().verdict.exit_code == 2


def test_a_sync_that_publishes_while_a_week_is_proved_does_not_wait(
    stages: Stages, landing: Landing, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While BigQuery works no transaction of the proof is open, so that a publish as a whole finds no lock."""
    landing.land(*(report_row(f"q{n}") for n in range(10)))
    stages.sync(WEEK)
    landing.replace(*(report_row(f"q{n}", asin_click_count=9) for n in range(10)))
    during: list[int] = []
    ask = FreshSnapshot.buckets

    def buckets(fresh: FreshSnapshot) -> Any:
        locks = "select count(*) as locks from pg_locks where relation = 'weekly_summary'::regclass"
        during.append(stages.query(locks)[0]["locks"])
        stages.sync(WEEK)
        return ask(fresh)

    monkeypatch.setattr(FreshSnapshot, "buckets", buckets)
    assert prove().verdict.exit_code == 0  # the sync that was faster has put it right
    assert during == [0]


def test_a_newer_snapshot_that_is_published_meanwhile_is_not_called_a_difference(
    stages: Stages, landing: Landing, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    landing.replace(report_row("q", asin_click_count=9))
    ask = FreshSnapshot.buckets

    def buckets(fresh: FreshSnapshot) -> Any:
        landing.replace(report_row("q", asin_click_count=10))
        stages.sync(WEEK)
        return ask(fresh)

    monkeypatch.setattr(FreshSnapshot, "buckets", buckets)
    proof = prove()
    assert proof.verdict.exit_code == 2
    assert "a sync has published a newer snapshot while it was being proved" in proof.answer


def test_a_proof_works_through_a_pooler(
    stages: Stages, landing: Landing, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land(*(report_row("q", week=week) for week in WEEKS[:2]))
    for week in WEEKS[:2]:
        stages.sync(week)
    with pooled(stages.dsn) as dsn:
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(dsn))
        assert prove(query="q").verdict.exit_code == 0
        assert prove(NOVEMBER, SyncType.MONTHLY).verdict.exit_code == 0


def test_a_period_is_proved_now_and_not_as_the_daily_check_saw_it(
    stages: Stages, landing: Landing, prove: Prove
) -> None:
    landing.land(report_row("q"))
    stages.sync(WEEK)
    check(stages, due=datetime(2026, 11, 23, 6, tzinfo=UTC))
    landing.land(report_row("late", asin="B000000002"))
    assert sections(prove())["Period"]["status"] == "synced"
    assert prove().answer.endswith("differs from the source: 1 row (2 at the source, 1 in Postgres)")
