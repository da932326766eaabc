"""A database built by all revisions is the documented one, however often they run and whatever its name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import psycopg
import pytest

from sqp_provider.migrations import migrate

Connection = psycopg.Connection[Any]

SUMMARY_COLUMNS = """
    period_start date not null
    period_end date not null
    query text collate C not null
    asin text collate C not null
    total_impressions bigint default 0
    total_clicks bigint default 0
    total_cart_adds bigint default 0
    total_purchases bigint default 0
    market_impressions bigint
    market_clicks bigint
    market_cart_adds bigint
    market_purchases bigint
    query_score bigint
    query_volume bigint
    avg_ctr numeric(10,6)
    avg_cvr numeric(10,6)
    impression_share numeric(10,6)
    click_share numeric(10,6)
    cart_add_share numeric(10,6)
    purchase_share numeric(10,6)
    bigquery_sync_id character varying(255)
    sync_log_id bigint
    last_synced_at timestamp with time zone
    created_at timestamp with time zone default CURRENT_TIMESTAMP
    updated_at timestamp with time zone default CURRENT_TIMESTAMP
"""

COLUMNS = {
    "weekly_summary": SUMMARY_COLUMNS,
    "monthly_summary": SUMMARY_COLUMNS + "year integer\n month integer\n active_weeks integer",
    "quarterly_summary": SUMMARY_COLUMNS + "year integer\n quarter integer\n active_weeks integer",
    "sync_log": """
        id bigint not null default nextval('sync_log_id_seq'::regclass)
        sync_type character varying(50) not null
        sync_status character varying(20) not null
        started_at timestamp with time zone not null default CURRENT_TIMESTAMP
        completed_at timestamp with time zone
        source_table character varying(255) not null
        target_table character varying(255) not null
        period_start date
        period_end date
        records_processed integer default 0
        records_inserted integer default 0
        records_updated integer default 0
        records_failed integer default 0
        error_message text
        error_details jsonb
        sync_metadata jsonb
        created_at timestamp with time zone default CURRENT_TIMESTAMP
        dag_id text
        run_id text
        attempt integer not null default 1
    """,
    "data_quality_checks": """
        id bigint not null default nextval('data_quality_checks_id_seq'::regclass)
        sync_log_id bigint
        check_type character varying(100) not null
        check_status character varying(20) not null
        source_value numeric
        target_value numeric
        difference numeric
        difference_pct numeric(10,2)
        table_name character varying(255)
        column_name character varying(255)
        check_query text
        check_message text
        check_metadata jsonb
        created_at timestamp with time zone default CURRENT_TIMESTAMP
        attempt integer
    """,
    "sync_rejects": """
        id bigint not null default nextval('sync_rejects_id_seq'::regclass)
        sync_log_id bigint not null
        attempt integer not null
        reason text not null
        raw jsonb not null
        created_at timestamp with time zone default CURRENT_TIMESTAMP
    """,
    "synced_period": """
        sync_type character varying(50) not null
        period_start date not null
        period_end date not null
        state text not null
        fingerprint text
        snapshot_at timestamp with time zone
        row_count bigint
        sync_log_id bigint
        attempt integer
        published_at timestamp with time zone default CURRENT_TIMESTAMP
    """,
    "sent_alert": """
        id bigint not null default nextval('sent_alert_id_seq'::regclass)
        kind text not null
        subject text not null
        cause text not null
        title text not null
        sent_at timestamp with time zone not null default clock_timestamp()
        resolved_at timestamp with time zone
    """,
    "source_period": """
        sync_type character varying(50) not null
        period_start date not null
        period_end date not null
        fingerprint text
        row_count bigint not null
        reject_count bigint not null
        seen_at timestamp with time zone not null
    """,
    "alembic_version": "version_num character varying(32) not null",
}

REFERENCE = "FOREIGN KEY (sync_log_id) REFERENCES sync_log(id)"
CONSTRAINTS = {
    "weekly_summary": ["PRIMARY KEY (period_start, query, asin)", "FOREIGN KEY (sync_log_id) REFERENCES sync_log(id)"],
    "monthly_summary": ["PRIMARY KEY (period_start, query, asin)", "FOREIGN KEY (sync_log_id) REFERENCES sync_log(id)"],
    "quarterly_summary": [
        "PRIMARY KEY (period_start, query, asin)",
        REFERENCE,
    ],
    "sync_log": ["PRIMARY KEY (id)", "UNIQUE (dag_id, run_id)"],
    "data_quality_checks": ["PRIMARY KEY (id)", REFERENCE],
    "sync_rejects": ["PRIMARY KEY (id)", f"{REFERENCE} ON DELETE CASCADE"],
    "synced_period": [
        "PRIMARY KEY (sync_type, period_start)",
        "CHECK ((state = ANY (ARRAY['derived'::text, 'synced'::text])))",
        REFERENCE,
    ],
    "sent_alert": ["PRIMARY KEY (id)"],
    "source_period": ["PRIMARY KEY (sync_type, period_start)"],
    "alembic_version": ["PRIMARY KEY (version_num)"],
}

BY_SYNC = "USING btree (sync_log_id) WHERE (sync_log_id IS NOT NULL)"
INDEXES = {
    "idx_sync_log_status": "sync_log USING btree (sync_status, started_at DESC)",
    "idx_sync_log_type": "sync_log USING btree (sync_type, started_at DESC)",
    "sync_log_sync_type_period_start_started_at_idx": (
        "sync_log USING btree (sync_type, period_start, started_at DESC)"
    ),
    "idx_quality_checks_sync": "data_quality_checks USING btree (sync_log_id)",
    "idx_quality_checks_status": "data_quality_checks USING btree (check_status)",
    "sync_rejects_sync_log_id_idx": "sync_rejects USING btree (sync_log_id)",
    "sent_alert_kind_subject_cause_idx": "sent_alert USING btree (kind, subject, cause) WHERE (resolved_at IS NULL)",
    "idx_weekly_summary_sync": "ONLY weekly_summary USING btree (last_synced_at, bigquery_sync_id)",
    "weekly_summary_sync_log_id_idx": f"ONLY weekly_summary {BY_SYNC}",
    "monthly_summary_sync_log_id_idx": f"ONLY monthly_summary {BY_SYNC}",
    "quarterly_summary_sync_log_id_idx": f"ONLY quarterly_summary {BY_SYNC}",
}

PARTITIONS = {
    "weekly_summary": ("RANGE (period_start)", "weekly_summary_default"),
    "monthly_summary": ("RANGE (period_start)", "monthly_summary_default"),
    "quarterly_summary": ("RANGE (period_start)", "quarterly_summary_default"),
}

FUNCTIONS = {
    "can_be_attached(p_table text, p_first date, p_last date)",
    "check_data_freshness()",
    "day_has_partition(p_table regclass, p_day date)",
    "delete_derived()",
    "delete_old_sync_log(p_keep interval)",
    "ensure_period_partition(p_table text, p_first date, p_last date)",
    "forget_fingerprint()",
    "get_latest_sync_status(p_sync_type character varying)",
    "has_rows_between(p_tables regclass[], p_first date, p_last date)",
    "lock_period(p_sync_type text, p_period_start date)",
    "partition_name(p_table text, p_first date)",
    "rate(p_count bigint, p_of bigint)",
    "record_derived(p_unit text, p_first date, p_last date)",
    "refresh_rollups(p_pending regclass)",
    "rollup_build(p_unit text, p_first date, p_figures text)",
    "rollup_columns(p_unit text)",
    "rollup_deduplication(p_unit text, p_first date, p_touched text)",
    "rollup_figures(p_unit text, p_first date, p_last date, p_touched text, p_sources regclass[])",
    "rollup_figures_of_one_week(p_unit text, p_first date, p_last date, p_week regclass)",
    "rollup_fillfactor()",
    "rollup_merge(p_unit text, p_first date, p_last date, p_touched text, p_sources regclass[])",
    "rollup_statements(p_weeks date[], p_touched text, p_sources regclass[], p_staged_week regclass)",
    "table_freshness()",
    "update_aggregate_summaries()",
}

TRIGGERS = {
    "update_summaries_on_weekly_insert": "AFTER INSERT ON weekly_summary REFERENCING NEW TABLE AS new_rows",
    "update_summaries_on_weekly_update": (
        "AFTER UPDATE ON weekly_summary REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
    ),
    "update_summaries_on_weekly_delete": "AFTER DELETE ON weekly_summary REFERENCING OLD TABLE AS old_rows",
    "update_summaries_on_weekly_truncate": "AFTER TRUNCATE ON weekly_summary",
}

FORGETTING = {
    (f"{sync_type}_summary", f"forget_fingerprint_on_{event}", f"forget_fingerprint('{sync_type}')")
    for sync_type in ("monthly", "quarterly")
    for event in ("insert", "update", "delete", "truncate")
}


def columns(connection: Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(
        """
        select c.relname, concat(
            a.attname, ' ', format_type(a.atttypid, a.atttypmod),
            case when l.collname <> 'default' then ' collate ' || l.collname end,
            case when a.attnotnull then ' not null' end,
            ' default ' || pg_get_expr(d.adbin, d.adrelid)
        )
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_collation as l on l.oid = a.attcollation
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        order by c.relname, a.attnum
        """
    ):
        found.setdefault(table, []).append(column)
    return found


def constraints(connection: Connection) -> dict[str, set[str]]:
    return {
        table: set(definitions)
        for table, definitions in connection.execute(
            """
            select c.relname, array_agg(pg_get_constraintdef(k.oid))
            from pg_constraint as k join pg_class as c on c.oid = k.conrelid
            where c.relnamespace = current_schema()::regnamespace and not c.relispartition
                and k.contype in ('p', 'u', 'f', 'c')
            group by 1
            """
        )
    }


def indexes(connection: Connection) -> dict[str, str]:
    """Indexes that belong to no constraint; the schema's name is cut out, because pg_get_indexdef always gives it."""
    return dict(
        connection.execute(
            r"""
            select
                c.relname,
                regexp_replace(pg_get_indexdef(c.oid), '^CREATE (?:UNIQUE )?INDEX \S+ ON (ONLY )?\w+\.', '\1')
            from pg_class as c join pg_index as i on i.indexrelid = c.oid
            where c.relnamespace = current_schema()::regnamespace and not c.relispartition
                and not exists (select from pg_constraint where conindid = c.oid)
            """
        ).fetchall()
    )


def partitions(connection: Connection) -> dict[str, tuple[str, str]]:
    return {
        table: (key, default)
        for table, key, default in connection.execute(
            "select partrelid::regclass::text, pg_get_partkeydef(partrelid), partdefid::regclass::text"
            " from pg_partitioned_table join pg_class on oid = partrelid"
            " where relnamespace = current_schema()::regnamespace"
        )
    }


def functions(connection: Connection) -> set[str]:
    query = "select format('%s(%s)', proname, pg_get_function_identity_arguments(oid)) from pg_proc"
    return {row[0] for row in connection.execute(f"{query} where pronamespace = current_schema()::regnamespace")}


def triggers(connection: Connection) -> dict[str, str]:
    return dict(
        connection.execute(
            r"""
            select tgname, regexp_replace(
                pg_get_triggerdef(oid, true),
                '^CREATE TRIGGER \S+ (.*) FOR EACH STATEMENT EXECUTE FUNCTION update_aggregate_summaries\(\)$', '\1'
            )
            from pg_trigger where tgrelid = 'weekly_summary'::regclass and not tgisinternal
            """
        ).fetchall()
    )


def forgetting(connection: Connection) -> set[tuple[str, str, str]]:
    query = """
        select tgrelid::regclass::text, tgname, substring(pg_get_triggerdef(oid, true) from 'FUNCTION (.*)$')
        from pg_trigger
        where tgrelid in ('monthly_summary'::regclass, 'quarterly_summary'::regclass) and not tgisinternal
    """
    return {(table, name, function) for table, name, function in connection.execute(query)}


def assert_documented(connection: Connection) -> None:
    assert columns(connection) == {
        table: [line.strip() for line in text.strip().splitlines()] for table, text in COLUMNS.items()
    }
    assert constraints(connection) == {table: set(texts) for table, texts in CONSTRAINTS.items()}
    assert indexes(connection) == INDEXES
    assert partitions(connection) == PARTITIONS
    assert functions(connection) == FUNCTIONS
    assert triggers(connection) == TRIGGERS
    assert forgetting(connection) == FORGETTING


def revisions(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("select version_num from alembic_version")]


def test_all_revisions_build_the_documented_schema(connection: Connection) -> None:
    assert_documented(connection)
    assert connection.execute("select nspname from pg_namespace where nspname like 'sqp%' order by 1").fetchall() == [
        ("sqp",),
        ("sqp_staging",),
    ]


def test_every_revision_can_run_twice(committing: Connection, database: str) -> None:
    committing.execute(
        "insert into weekly_summary (period_start, period_end, query, asin, last_synced_at)"
        " values ('2026-11-08', '2026-11-14', 'a', 'B000000001', now())"
    )
    before = committing.execute("select * from monthly_summary").fetchall()
    applied = revisions(committing)
    committing.execute("delete from alembic_version")
    assert migrate(database)[-1:] == applied
    assert_documented(committing)
    assert committing.execute("select * from monthly_summary").fetchall() == before
    assert committing.execute("select count(*) from sync_log").fetchall() == [(0,)]


def test_each_revision_can_run_twice_in_a_row(empty_database: str) -> None:
    """As when the connection breaks after the SQL and before the revision is noted."""
    applied = migrate(empty_database)
    with psycopg.connect(empty_database, autocommit=True, options="-c search_path=sqp") as connection:
        for before, revision in pairwise(applied):
            connection.execute("update alembic_version set version_num = %s", [before])
            assert migrate(empty_database)[0] == revision
        assert_documented(connection)


def test_migrating_an_up_to_date_schema_does_nothing(database: str) -> None:
    assert migrate(database) == []


def test_a_second_schema_lives_beside_the_first(committing: Connection, database: str) -> None:
    assert migrate(database, "client_a") == migrate(database, "client_b")
    insert = (
        "insert into {}.weekly_summary (period_start, period_end, query, asin)"
        " values ('2026-11-08', '2026-11-14', '{}', 'B000000001')"
    )
    for schema in ("sqp", "client_a"):
        committing.execute(insert.format(schema, schema))
    for schema, months in (("sqp", [("sqp",)]), ("client_a", [("client_a",)]), ("client_b", [])):
        committing.execute(f"set search_path = {schema}")
        assert_documented(committing)
        assert committing.execute("select query from monthly_summary").fetchall() == months


def test_this_server_is_the_one_the_test_names(connection: Connection, request: pytest.FixtureRequest) -> None:
    if "postgres 15" in request.node.name:
        assert connection.info.server_version // 10000 == 15
    assert connection.info.server_version // 10000 >= 15
