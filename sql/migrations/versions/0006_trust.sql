-- What each publish changed in a published period, and what tells whether a period is complete. In a schema of an earlier
-- state of this code some of it may be there.

alter table synced_period
    add column if not exists asins text[],
    add column if not exists asins_expected integer,
    add column if not exists asins_found integer,
    add column if not exists expected_by date;

alter table source_period add column if not exists quiet_checks integer not null default 0;

alter table period_type
    add column if not exists complete_above numeric(4, 3) not null default 0.95,
    add column if not exists quiet_checks integer not null default 2,
    add column if not exists kept_changes integer not null default 100000;

create sequence if not exists period_change_id_seq;

create table if not exists period_version (
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
    primary key (sync_type, period_start, version)
);

alter table period_version
    add column if not exists has_lost boolean not null default false;  -- what somebody else wrote after it is not kept

comment on table period_version is
'One row for each publish of each period, the first one included. A week, its month and its quarter that are published '
'together have the same version.';

create table if not exists period_change (
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
