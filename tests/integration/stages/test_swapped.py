"""A period is replaced as a whole: nothing of others is lost with it, and no column differs from an update."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqp_provider.target.publication import Publication
from tests.conftest import new_database
from tests.fixtures import connection_to
from tests.integration.sql.conftest import server_dsn  # noqa: F401 - every test runs on both versions of Postgres
from tests.landing import Landing, report_row
from tests.others import SWAP_ALWAYS, land, let_in, ready, stage, with_target, wrong
from tests.stages import Stages

NOTED = """
create table noted (query text);
create function note() returns trigger language plpgsql security definer as $$
begin insert into sqp.noted values (new.query); return null; end $$;
"""
THINGS = {
    "view": "create view theirs as select query, total_clicks from weekly_summary_20261108",
    "view of a month": "create view theirs as select query, total_clicks from monthly_summary_20261101",
    "materialized view": "create materialized view theirs as select query, total_clicks from weekly_summary_20261108",
    "function": "create function theirs() returns numeric begin atomic"
    " select sum(total_clicks) from weekly_summary_20261108; end",
    "function of rows": "create function theirs() returns setof weekly_summary_20261108 language sql"
    " as 'select * from sqp.weekly_summary'",
    "column of its type": "create table theirs (row_of_a_week weekly_summary_20261108)",
    "key of the partition": 'create table theirs (week date, query text collate "C", asin text collate "C",'
    " foreign key (week, query, asin) references weekly_summary_20261108);"
    " insert into theirs select period_start, query, asin from weekly_summary_20261108",
    "key of the table": 'create table theirs (week date, query text collate "C", asin text collate "C",'
    " foreign key (week, query, asin) references weekly_summary);"
    " insert into theirs select period_start, query, asin from weekly_summary",
    "trigger of the partition": NOTED + "create trigger theirs after update on weekly_summary_20261108"
    " for each row execute function note()",
    "trigger of the table": NOTED + "create trigger theirs after update on weekly_summary"
    " for each row execute function note()",
    "trigger of the months": NOTED + "create trigger theirs after update on monthly_summary"
    " for each row execute function note()",
    "disabled trigger": NOTED + "create trigger theirs after insert on weekly_summary_20261108"
    " for each row execute function note(); alter table weekly_summary_20261108 disable trigger theirs",
    "rule": "create rule theirs as on delete to weekly_summary_20261108 do also select 1",
    "grant": "grant select on weekly_summary_20261108 to pg_monitor",
    "grant of a column": "grant select (query) on weekly_summary_20261108 to pg_monitor",
    "policy": "create policy theirs on weekly_summary_20261108 using (true)",
    "publication": "create publication theirs for table weekly_summary_20261108",
    "index": "create index theirs on weekly_summary_20261108 (total_clicks)",
    "statistics": "create statistics theirs on query, asin from weekly_summary_20261108",
    "comment": "comment on table weekly_summary_20261108 is 'theirs'",
    "setting": "alter table weekly_summary_20261108 set (autovacuum_enabled = off)",
}
CATALOGUE = """
select 'class' as kind, relname::text as name, reloptions::text || relacl::text as detail from pg_class
where relname in ('theirs', 'weekly_summary_20261108') and relnamespace = 'sqp'::regnamespace
union all select 'function', proname, '' from pg_proc where proname = 'theirs'
union all select 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = to_regclass('theirs') and contype = 'f'
union all select 'trigger', tgname, tgenabled::text from pg_trigger where tgname = 'theirs'
union all select 'rule', rulename, ev_class::regclass::text from pg_rewrite where rulename = 'theirs'
union all select 'column', attname, attacl::text from pg_attribute where attacl is not null
    and attrelid = 'weekly_summary_20261108'::regclass
union all select 'policy', polname, polrelid::regclass::text from pg_policy where polname = 'theirs'
union all select 'publication', tablename, pubname from pg_publication_tables
union all select 'statistics', stxname, stxrelid::regclass::text from pg_statistic_ext where stxname = 'theirs'
union all select 'comment', description, objoid::regclass::text from pg_description where description = 'theirs'
order by 1, 2, 3
"""


@pytest.mark.parametrize("thing", THINGS)
def test_a_partition_that_somebody_uses_is_written_row_by_row(thing: str, landing: Landing, stages: Stages) -> None:
    run = ready("swapped", landing, stages)
    stages.query(THINGS[thing])
    before = stages.query(CATALOGUE)
    assert stages.run_task(run, "publish"), run.errors
    assert run["publish"] == {"how": "difference", "inserted": 0, "updated": 4, "deleted": 0, "unchanged": 0}
    assert stages.query(CATALOGUE) == before
    assert wrong(stages) == []
    if "trigger of" in thing:
        assert stages.query("select count(*)::int as updates from noted") == [{"updates": 4}]
    if thing in ("view", "view of a month"):
        seen = stages.query("select sum(total_clicks)::int as clicks from theirs")
        assert seen == [{"clicks": 126 if thing == "view" else 172}]


@pytest.mark.parametrize("thing", ["view", "view of a month", "trigger of the table", "grant"])
def test_what_somebody_makes_of_a_partition_while_it_is_being_replaced_is_kept(
    thing: str, landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready("swapped", landing, stages)
    let_in(monkeypatch, Publication, "_commit", lambda: stages.query(THINGS[thing]))
    assert stages.run_task(run, "publish"), run.errors
    assert run["publish"]["how"] == "difference"
    assert wrong(stages) == []


def test_without_anything_of_others_a_partition_is_replaced_again_and_again(landing: Landing, stages: Stages) -> None:
    run = ready("swapped", landing, stages)
    assert stages.run_task(run, "publish"), run.errors
    stages.run_task(run, "log_finish")
    for clicks in (40, 50):
        land(landing, "2026-11-08", clicks, count=5)
        again = stages.sync("2026-11-08")
        assert again["publish"]["how"] == "swapped", again.errors
        assert wrong(stages) == []
    assert stages.query("select relname from pg_class where relnamespace = 'sqp_staging'::regnamespace") == []


PARTITION = """
select 'index' as kind, regexp_replace(indexdef, '^.* USING', '') as what from pg_indexes where tablename = %(name)s
union all select 'constraint', pg_get_constraintdef(oid) from pg_constraint where conrelid = %(name)s::regclass
union all select 'trigger', pg_get_triggerdef(oid) from pg_trigger
    where tgrelid = %(name)s::regclass and not tgisinternal
union all select 'column', concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull,
    pg_get_expr(d.adbin, d.adrelid)) from pg_attribute as a
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = %(name)s::regclass and attnum > 0 and not attisdropped
union all select 'bound', pg_get_expr(relpartbound, oid) from pg_class where oid = %(name)s::regclass
union all select 'row security', concat_ws(' ', relrowsecurity, relforcerowsecurity, relpersistence, relreplident)
    from pg_class where oid = %(name)s::regclass
union all select 'owner and rights', concat_ws(' ', relowner::regrole, relacl) from pg_class
    where oid = %(name)s::regclass
order by 1, 2
"""


def test_every_column_is_as_if_only_the_difference_had_been_written(
    landing: Landing, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both publish the same staged rows into copies of one database; only when a row was changed may differ."""
    stages.query(
        "alter table weekly_summary add column note text default 'none',"
        " add column checked_at timestamptz default now();"
        " alter table monthly_summary add column note text; alter table quarterly_summary add column margin numeric"
    )
    for week, clicks in (("2026-11-01", 10), ("2026-11-08", 20)):
        landing.land(
            *(report_row(f"query {n}", week=date.fromisoformat(week), asin_click_count=clicks + n) for n in range(6)),
        )
        assert stages.sync(week).colour == "success"
    stages.query(
        "update weekly_summary set note = 'of ' || query, created_at = '2026-01-01', updated_at = '2026-01-02'"
    )
    stages.query(
        "update monthly_summary set note = 'of ' || query, created_at = '2026-01-01', updated_at = '2026-01-02'"
    )
    stages.query("update quarterly_summary set margin = 1, created_at = '2026-01-01', updated_at = '2026-01-02'")
    # Two rows stay, two change, one goes, one comes, and one changes in its text and rates only.
    landing.replace(
        *(report_row(f"query {n}", week=date.fromisoformat("2026-11-01"), asin_click_count=10 + n) for n in range(6)),
        report_row("query 0", asin_click_count=20),
        report_row("query 1", asin_click_count=21),
        report_row("query 2", asin_click_count=122),
        report_row("query 3", asin_click_count=123, asin_purchase_count=0),
        report_row("query 4", asin_click_count=24, search_query_volume=None),
        report_row("query new", asin_click_count=1),
    )
    run = stage(stages, "2026-11-08", force=True)
    name = str(conninfo_to_dict(stages.dsn)["dbname"])
    with new_database(make_conninfo(stages.dsn, dbname="postgres"), template=name) as copy:
        swapped = Stages(stages.settings, copy)
        with_target(swapped, **SWAP_ALWAYS)
        assert stages.run_task(run, "publish"), run.errors
        assert run["publish"] == {"how": "difference", "inserted": 1, "updated": 3, "deleted": 1, "unchanged": 2}
        monkeypatch.setenv("AIRFLOW_CONN_SQP_POSTGRES", connection_to(copy))
        assert swapped.run_task(run, "publish"), run.errors
        assert run["publish"] == {"how": "swapped", "inserted": 1, "updated": 3, "deleted": 1, "unchanged": 2}
        for both in (stages, swapped):
            assert wrong(both) == []
        for table, partition in (
            ("weekly_summary", "weekly_summary_20261108"),
            ("monthly_summary", "monthly_summary_20261101"),
            ("quarterly_summary", "quarterly_summary_20261001"),
        ):
            for ask in (rows_of(table), definition_of(partition)):
                assert ask(swapped) == ask(stages), table


def rows_of(table: str) -> Callable[[Stages], list[dict[str, Any]]]:
    """Return all columns of all rows; of a moment after the copy was made only that it is one."""

    def rows(stages: Stages) -> list[dict[str, Any]]:
        found = stages.query(f"select *, tableoid::regclass::text from {table} order by period_start, query, asin")
        copied_at = stages.query("select max(started_at) as at from sync_log")[0]["at"]
        for row in found:
            for column in ("created_at", "updated_at", "checked_at"):
                if row.get(column) and row[column] > copied_at:
                    row[column] = "now"
        return found

    return rows


def definition_of(partition: str) -> Callable[[Stages], list[tuple[Any, ...]]]:
    """Return what a partition is besides its rows."""

    def definition(stages: Stages) -> list[tuple[Any, ...]]:
        statement = PARTITION.replace("%(name)s", f"'{partition}'")
        return [tuple(row.values()) for row in stages.query(statement)]

    return definition
