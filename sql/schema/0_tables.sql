-- The tables of a fresh database, to be read. The revisions of sql/migrations create them and bring older databases to
-- the same; tests/integration/sql/test_schema.py compares both. The other files of this folder are put in force as they
-- stand here, after each migration. No file names the schema: search_path does.


-- One row for each Dag run, however often its tasks are cleared: attempt counts them.
create table sync_log (
    id bigserial primary key,
    sync_type varchar(50) not null,      -- see period_type
    sync_status varchar(20) not null,    -- started, completed, failed
    started_at timestamptz not null default current_timestamp,
    completed_at timestamptz,
    source_table varchar(255) not null,
    target_table varchar(255) not null,
    period_start date,
    period_end date,
    records_processed integer default 0,
    records_inserted integer default 0,
    records_updated integer default 0,
    records_failed integer default 0,
    error_message text,
    error_details jsonb,                 -- stage, type, message, traceback, try, log_url
    sync_metadata jsonb,                 -- options, snapshot, outcome, attempts before the current one
    created_at timestamptz default current_timestamp,
    dag_id text,
    run_id text,
    attempt integer not null default 1,
    constraint sync_log_dag_id_run_id_key unique (dag_id, run_id)
);

create index idx_sync_log_status on sync_log (sync_status, started_at desc);
create index idx_sync_log_type on sync_log (sync_type, started_at desc);
create index sync_log_sync_type_period_start_started_at_idx on sync_log (sync_type, period_start, started_at desc);


create table data_quality_checks (
    id bigserial primary key,
    sync_log_id bigint references sync_log (id),
    check_type varchar(100) not null,
    check_status varchar(20) not null,   -- passed, failed, warning
    source_value numeric,
    target_value numeric,
    difference numeric,
    difference_pct numeric(10, 2),
    table_name varchar(255),
    column_name varchar(255),
    check_query text,                    -- the statement that counted target_value, to run again
    check_message text,
    check_metadata jsonb,
    created_at timestamptz default current_timestamp,
    attempt integer
);

create index idx_quality_checks_sync on data_quality_checks (sync_log_id);
create index idx_quality_checks_status on data_quality_checks (check_status);


-- Source rows that could not be loaded, with the reason and the row as it came.
create table sync_rejects (
    id bigserial primary key,
    sync_log_id bigint not null references sync_log (id) on delete cascade,
    attempt integer not null,
    reason text not null,
    raw jsonb not null,
    created_at timestamptz default current_timestamp
);

create index sync_rejects_sync_log_id_idx on sync_rejects (sync_log_id);


-- The types of period; core/period.py has the same. The settings write all numbers.
create table period_type (
    sync_type varchar(50) primary key,
    unit text not null unique,           -- week, month, quarter
    step interval not null,              -- from one period's first day to the next one's
    target_table text not null unique,
    delay_days integer not null,         -- how long after a period's end Amazon's figures are expected
    days_allowed integer not null,       -- how old the newest finished period may be before its table is stale
    complete_above numeric(4, 3) not null default 0.95,  -- the part of the expected ASINs that makes a period complete
    quiet_checks integer not null default 2,             -- after so many checks in a row that found nothing new
    kept_changes integer not null default 100000         -- a statement that changes more rows is not kept in period_change
);

insert into period_type
values
    ('weekly', 'week', '7 days', 'weekly_summary', 4, 14),
    ('monthly', 'month', '1 month', 'monthly_summary', 7, 45),
    ('quarterly', 'quarter', '3 months', 'quarterly_summary', 7, 135);


-- The ledger: what is published of each period.
create table synced_period (
    sync_type varchar(50) not null,
    period_start date not null,
    period_end date not null,
    state text not null constraint synced_period_state_check check (
        state in ('adopted', 'derived', 'synced', 'deleted')
    ),
    fingerprint text,                    -- null once somebody else wrote to the period
    snapshot_at timestamptz,             -- when the source looked like this; an older snapshot is never published over it
    row_count bigint,                    -- null for derived: counting on every insert would cost too much
    row_hash bigint,                     -- of the rows that were published, see row_hash(); null for derived
    sync_log_id bigint references sync_log (id),
    attempt integer,
    published_at timestamptz default current_timestamp,
    week_changed_at timestamptz,         -- when a week changed that this month or quarter does not have yet
    asins text[],                        -- those that were published; null for derived
    asins_expected integer,              -- how many ASINs the periods around it regularly have; null: too few are known
    asins_found integer,                 -- how many of these it has
    expected_by date,                    -- when such a period is usually complete
    primary key (sync_type, period_start)
);

comment on table synced_period is
'What is published of each period: synced by its own sync, derived from weeks, adopted as it was before the first sync, '
'or deleted on purpose. See period_status.';


create table source_period (
    sync_type varchar(50) not null,
    period_start date not null,
    period_end date not null,
    fingerprint text,                    -- null where the source had no row at all
    row_count bigint not null,
    reject_count bigint not null,
    seen_at timestamptz not null,        -- before the source was asked, so that it is never later than what it says
    quiet_checks integer not null default 0,  -- how many checks in a row have found these rows
    primary key (sync_type, period_start)
);

comment on table source_period is
'What the daily check last saw at the source; synced_period says what is published.';


-- What each publish changed.
create sequence period_change_id_seq;

create table period_version (
    sync_type varchar(50) not null,
    period_start date not null,
    version bigint not null,             -- of the same sequence as period_change.id: later changes have larger ids
    published_at timestamptz not null default clock_timestamp(),
    how text not null,                   -- attached, swapped, difference, confirmed, summed, deleted
    sync_log_id bigint,                  -- null for a sum that no sync of its own made
    attempt integer,
    snapshot_at timestamptz,
    row_count bigint,
    row_hash bigint,                     -- of the published rows, see row_hash(); null for a sum of weeks
    inserted bigint not null,
    updated bigint not null,
    deleted bigint not null,
    totals jsonb,                        -- rows, asins and the sums of the four own counts, as published
    is_kept boolean not null,            -- period_change has all that this publish changed
    is_healing boolean not null,         -- somebody else had written to the period before
    has_lost boolean not null default false,  -- what somebody else wrote after it is not kept: it was too much
    primary key (sync_type, period_start, version)
);

comment on table period_version is
'One row for each publish of each period, the first one included. A week, its month and its quarter that are published '
'together have the same version.';

create table period_change (
    id bigint not null default nextval('period_change_id_seq'),
    sync_type varchar(50) not null,
    period_start date not null,
    query text collate "C" not null,
    asin text collate "C" not null,
    change text not null constraint period_change_change_check check (change in ('inserted', 'updated', 'deleted')),
    before jsonb,                        -- of the columns that differ, those that were null left out; if deleted, all
    after jsonb,                         -- the same of the new row; if inserted, all
    version bigint,                      -- the publish that changed it; null: somebody else did
    is_healing boolean not null default false,
    changed_at timestamptz not null default clock_timestamp(),
    changed_by text,                     -- the login of somebody else
    primary key (sync_type, period_start, id)
);

alter sequence period_change_id_seq owned by period_change.id;

comment on table period_change is
'What each publish, and each write of others, changed in published periods, row by row. So a period can be had as it was '
'published at any time. A column that only one of before and after has is null in the other.';


-- Which alerts were sent, so that each cause is sent once: a row is written before its alert is sent.
create table sent_alert (
    id bigserial primary key,
    kind text not null,                  -- failed, stale, warning, late, recovered
    subject text not null,               -- weekly 2026-11-08..2026-11-14, weekly_summary
    cause text not null,
    title text not null,
    sent_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz              -- when the cause was gone; if it returns, it is sent again
);

create unique index sent_alert_kind_subject_cause_idx on sent_alert (kind, subject, cause) where resolved_at is null;

comment on table sent_alert is
'The alerts that were sent. An open cause (resolved_at is null) is not sent again, unless its row is deleted.';


-- One row: which code the schema fits, and which Airflow and feed it belongs to.
create table schema_state (
    only_row boolean primary key default true constraint schema_state_only_row_check check (only_row),
    files text,                          -- hash of the files of sql/schema that are in force
    schema_name text,                    -- what the schema was called when they were put in force
    airflow text,                        -- the one Airflow whose syncs may write here; null until the first one
    airflow_since timestamptz,           -- since when
    feed text                            -- which of its feeds; null for the only one of a configuration
);

comment on table schema_state is
'Which files of sql/schema are in force, and which Airflow and feed this schema belongs to. "sqp take-over" changes both.';

insert into schema_state
default values;


-- A week; months and quarters have the same columns and three more.
create table weekly_summary (
    period_start date,
    period_end date not null,
    query text collate "C",
    asin text collate "C",
    -- The ASIN's own counts.
    total_impressions bigint default 0,
    total_clicks bigint default 0,
    total_cart_adds bigint default 0,
    total_purchases bigint default 0,
    -- The whole market's counts for the query; null: the source does not say.
    market_impressions bigint,
    market_clicks bigint,
    market_cart_adds bigint,
    market_purchases bigint,
    query_score bigint,
    query_volume bigint,
    -- What only some landings have. The market's counts by how fast the item could be shipped.
    market_same_day_clicks bigint,
    market_one_day_clicks bigint,
    market_two_day_clicks bigint,
    market_same_day_cart_adds bigint,
    market_one_day_cart_adds bigint,
    market_two_day_cart_adds bigint,
    market_same_day_purchases bigint,
    market_one_day_purchases bigint,
    market_two_day_purchases bigint,
    -- Median prices, of the market and of the ASIN; null where the row is summed from weeks.
    market_click_price numeric(14, 4),
    click_price numeric(14, 4),
    market_cart_add_price numeric(14, 4),
    cart_add_price numeric(14, 4),
    market_purchase_price numeric(14, 4),
    purchase_price numeric(14, 4),
    currency text,
    avg_ctr numeric(10, 6),
    avg_cvr numeric(10, 6),
    impression_share numeric(10, 6),
    click_share numeric(10, 6),
    cart_add_share numeric(10, 6),
    purchase_share numeric(10, 6),
    bigquery_sync_id varchar(255),       -- the BigQuery job that took the snapshot
    sync_log_id bigint references sync_log (id),
    last_synced_at timestamptz,
    created_at timestamptz default current_timestamp,
    updated_at timestamptz default current_timestamp,
    primary key (period_start, query, asin)
) partition by range (period_start);

create table monthly_summary (
    like weekly_summary including defaults,
    year integer,
    month integer,
    active_weeks integer,                -- how many weeks the row was summed from; null where the row is Amazon's own
    foreign key (sync_log_id) references sync_log (id),
    primary key (period_start, query, asin)
) partition by range (period_start);

create table quarterly_summary (
    like weekly_summary including defaults,
    year integer,
    quarter integer,
    active_weeks integer,
    foreign key (sync_log_id) references sync_log (id),
    primary key (period_start, query, asin)
) partition by range (period_start);

-- Rows of periods that nobody made a partition for.
create table weekly_summary_default partition of weekly_summary default;
create table monthly_summary_default partition of monthly_summary default;
create table quarterly_summary_default partition of quarterly_summary default;

-- Lets a row of sync_log be deleted without reading every summary row. Derived rows belong to no sync.
create index weekly_summary_sync_log_id_idx on weekly_summary (sync_log_id) where sync_log_id is not null;
create index monthly_summary_sync_log_id_idx on monthly_summary (sync_log_id) where sync_log_id is not null;
create index quarterly_summary_sync_log_id_idx on quarterly_summary (sync_log_id) where sync_log_id is not null;
create index idx_weekly_summary_sync on weekly_summary (last_synced_at, bigquery_sync_id);
