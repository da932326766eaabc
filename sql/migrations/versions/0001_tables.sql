-- Tables that depend on no existing data. sync_log and data_quality_checks may exist already; their missing columns are
-- added.

create table if not exists sync_log (
    id bigserial primary key,
    sync_type varchar(50) not null,
    sync_status varchar(20) not null,
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
    error_details jsonb,
    sync_metadata jsonb,
    created_at timestamptz default current_timestamp
);

alter table sync_log
    add column if not exists completed_at timestamptz,
    add column if not exists period_start date,
    add column if not exists period_end date,
    add column if not exists records_processed integer default 0,
    add column if not exists records_inserted integer default 0,
    add column if not exists records_updated integer default 0,
    add column if not exists records_failed integer default 0,
    add column if not exists error_message text,
    add column if not exists error_details jsonb,
    add column if not exists sync_metadata jsonb,
    add column if not exists created_at timestamptz default current_timestamp,
    add column if not exists dag_id text,
    add column if not exists run_id text,
    add column if not exists attempt integer not null default 1;

create index if not exists idx_sync_log_status on sync_log (sync_status, started_at desc);
create index if not exists idx_sync_log_type on sync_log (sync_type, started_at desc);

do $$
begin
    if to_regclass('sync_log_dag_id_run_id_key') is null then
        alter table sync_log add constraint sync_log_dag_id_run_id_key unique (dag_id, run_id);
    end if;
end
$$;


create table if not exists data_quality_checks (
    id bigserial primary key,
    sync_log_id bigint references sync_log (id),
    check_type varchar(100) not null,
    check_status varchar(20) not null,
    source_value numeric,
    target_value numeric,
    difference numeric,
    difference_pct numeric(10, 2),
    table_name varchar(255),
    column_name varchar(255),
    check_query text,
    check_message text,
    check_metadata jsonb,
    created_at timestamptz default current_timestamp
);

alter table data_quality_checks
    add column if not exists source_value numeric,
    add column if not exists target_value numeric,
    add column if not exists difference numeric,
    add column if not exists difference_pct numeric(10, 2),
    add column if not exists table_name varchar(255),
    add column if not exists column_name varchar(255),
    add column if not exists check_query text,
    add column if not exists check_message text,
    add column if not exists check_metadata jsonb,
    add column if not exists created_at timestamptz default current_timestamp,
    add column if not exists attempt integer;

create index if not exists idx_quality_checks_sync on data_quality_checks (sync_log_id);
create index if not exists idx_quality_checks_status on data_quality_checks (check_status);


create table if not exists sync_rejects (
    id bigserial primary key,
    sync_log_id bigint not null references sync_log (id) on delete cascade,
    attempt integer not null,
    reason text not null,
    raw jsonb not null,
    created_at timestamptz default current_timestamp
);

create index if not exists sync_rejects_sync_log_id_idx on sync_rejects (sync_log_id);


create table if not exists period_type (
    sync_type varchar(50) primary key,
    unit text not null unique,
    step interval not null,
    target_table text not null unique,
    delay_days integer not null,
    days_allowed integer not null
);

insert into period_type
values
    ('weekly', 'week', '7 days', 'weekly_summary', 4, 14),
    ('monthly', 'month', '1 month', 'monthly_summary', 7, 45),
    ('quarterly', 'quarter', '3 months', 'quarterly_summary', 7, 135)
on conflict do nothing;

-- Autovacuum leaves so small a table alone, and the planner would take it for hundreds of rows.
analyze period_type;


create table if not exists synced_period (
    sync_type varchar(50) not null,
    period_start date not null,
    period_end date not null,
    state text not null,
    fingerprint text,
    snapshot_at timestamptz,
    row_count bigint,
    row_hash bigint,
    sync_log_id bigint references sync_log (id),
    attempt integer,
    published_at timestamptz default current_timestamp,
    week_changed_at timestamptz,
    primary key (sync_type, period_start)
);

alter table synced_period
    drop constraint if exists synced_period_state_check,
    add constraint synced_period_state_check check (state in ('adopted', 'derived', 'synced', 'deleted'));

comment on table synced_period is
'What is published of each period: synced by its own sync, derived from weeks, adopted as it was before the first sync, '
'or deleted on purpose. See period_status.';


create table if not exists source_period (
    sync_type varchar(50) not null,
    period_start date not null,
    period_end date not null,
    fingerprint text,
    row_count bigint not null,
    reject_count bigint not null,
    seen_at timestamptz not null,
    primary key (sync_type, period_start)
);

comment on table source_period is
'What the daily check last saw at the source; synced_period says what is published.';


create table if not exists sent_alert (
    id bigserial primary key,
    kind text not null,
    subject text not null,
    cause text not null,
    title text not null,
    sent_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz
);

create unique index if not exists sent_alert_kind_subject_cause_idx
on sent_alert (kind, subject, cause) where resolved_at is null;

comment on table sent_alert is
'The alerts that were sent. An open cause (resolved_at is null) is not sent again, unless its row is deleted.';


create table if not exists schema_state (
    only_row boolean primary key default true constraint schema_state_only_row_check check (only_row),
    files text,
    schema_name text,
    airflow text,
    airflow_since timestamptz
);

comment on table schema_state is
'Which files of sql/schema are in force, and which Airflow this schema belongs to. "sqp take-over" changes the owner.';

insert into schema_state
default values
on conflict do nothing;
