-- Step 1 of the migration: tables that depend on no existing data.
-- sync_log and data_quality_checks may exist already; their missing columns are added below.

create table if not exists sync_log (
    id bigserial primary key,
    sync_type varchar(50) not null,      -- weekly, monthly, quarterly
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
    error_details jsonb,
    sync_metadata jsonb,
    created_at timestamptz default current_timestamp
);

-- One row per Dag run, however often its tasks are cleared: attempt counts them.
alter table sync_log
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
    check_status varchar(20) not null,   -- passed, failed, warning
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

alter table data_quality_checks add column if not exists attempt integer;

create index if not exists idx_quality_checks_sync on data_quality_checks (sync_log_id);
create index if not exists idx_quality_checks_status on data_quality_checks (check_status);


-- Source rows that could not be loaded, with the reason and the row as it came.
create table if not exists sync_rejects (
    id bigserial primary key,
    sync_log_id bigint not null references sync_log (id) on delete cascade,
    attempt integer not null,
    reason text not null,
    raw jsonb not null,
    created_at timestamptz default current_timestamp
);

create index if not exists sync_rejects_sync_log_id_idx on sync_rejects (sync_log_id);


-- The ledger: may I trust last week? synced = published by its own run, derived = rolled up from weeks.
create table if not exists synced_period (
    sync_type varchar(50) not null,
    period_start date not null,
    period_end date not null,
    state text not null check (state in ('derived', 'synced')),
    fingerprint text,                    -- null once somebody else wrote to the period
    snapshot_at timestamptz,             -- when the source looked like this; an older snapshot is never published over it
    row_count bigint,                    -- null for derived: counting on every insert would cost too much
    sync_log_id bigint references sync_log (id),
    attempt integer,
    published_at timestamptz default current_timestamp,
    primary key (sync_type, period_start)
);
