-- The summary tables. Where none exists, a partitioned one is created. A plain table of the name is adopted: it keeps
-- all it has, and gets the missing columns with their defaults. What keeps it from being adopted was found before.

-- The columns, written once. The temporary tables stand for "what a summary table has to hold".
create temporary table expected_weekly_summary (
    period_start date,
    period_end date,
    query text collate "C",
    asin text collate "C",
    -- The ASIN's own counts.
    total_impressions bigint default 0,
    total_clicks bigint default 0,
    total_cart_adds bigint default 0,
    total_purchases bigint default 0,
    -- The whole market's counts for the query; null = the source does not say.
    market_impressions bigint,
    market_clicks bigint,
    market_cart_adds bigint,
    market_purchases bigint,
    query_score bigint,
    query_volume bigint,
    avg_ctr numeric(10, 6),
    avg_cvr numeric(10, 6),
    impression_share numeric(10, 6),
    click_share numeric(10, 6),
    cart_add_share numeric(10, 6),
    purchase_share numeric(10, 6),
    bigquery_sync_id varchar(255),
    sync_log_id bigint,
    last_synced_at timestamptz,
    created_at timestamptz default current_timestamp,
    updated_at timestamptz default current_timestamp
) on commit drop;

create temporary table expected_monthly_summary (
    like expected_weekly_summary including defaults,
    year integer,
    month integer,
    active_weeks integer
) on commit drop;

create temporary table expected_quarterly_summary (
    like expected_weekly_summary including defaults,
    year integer,
    quarter integer,
    active_weeks integer
) on commit drop;


create table if not exists weekly_summary (
    like expected_weekly_summary including defaults,
    primary key (period_start, query, asin)
) partition by range (period_start);

create table if not exists monthly_summary (
    like expected_monthly_summary including defaults,
    primary key (period_start, query, asin)
) partition by range (period_start);

create table if not exists quarterly_summary (
    like expected_quarterly_summary including defaults,
    primary key (period_start, query, asin)
) partition by range (period_start);


-- The missing columns of a table in one statement, and the reference to the log unless it has one.
create function pg_temp.complete(p_table text) returns void
language plpgsql
as $$
declare
    v_missing text;
begin
    select string_agg(
        format(
            'add column %I %s%s',
            expected.attname,
            format_type(expected.atttypid, expected.atttypmod),
            ' default ' || pg_get_expr(fallback.adbin, fallback.adrelid)
        ),
        ', ' order by expected.attnum
    )
    into v_missing
    from pg_attribute as expected
    left join pg_attrdef as fallback on fallback.adrelid = expected.attrelid and fallback.adnum = expected.attnum
    where
        expected.attrelid = ('pg_temp.expected_' || p_table)::regclass
        and expected.attnum > 0
        and not exists (
            select from pg_attribute as actual
            where actual.attrelid = p_table::regclass and actual.attname = expected.attname and not actual.attisdropped
        );
    if v_missing is not null then
        raise info 'Adopting %: %', p_table, v_missing;
        execute format('alter table %I %s', p_table, v_missing);
    end if;
    if not exists (
        select from pg_constraint
        where conrelid = p_table::regclass and contype = 'f' and confrelid = 'sync_log'::regclass
    ) then
        -- Rows of a plain table may name a run that is gone; only new rows must not.
        execute format(
            'alter table %I add foreign key (sync_log_id) references sync_log (id) %s',
            p_table,
            (select case relkind when 'r' then 'not valid' end from pg_class where oid = p_table::regclass)
        );
    end if;
end
$$;


-- The default partition takes rows of periods nobody made a partition for. Indexes on an empty parent are
-- plain; those of adopted tables are built concurrently by a later revision.
create function pg_temp.finish_partitioned(p_table text) returns void
language plpgsql
as $$
begin
    execute format('alter table %I alter column period_end set not null', p_table);
    execute format('create table if not exists %I partition of %I default', p_table || '_default', p_table);
    execute format(
        'create index if not exists %I on %I (sync_log_id) where sync_log_id is not null',
        p_table || '_sync_log_id_idx', p_table
    );
end
$$;


do $$
declare
    v_table text;
begin
    for v_table in select target_table from period_type order by step loop
        perform pg_temp.complete(v_table);
        if (select relkind from pg_class where oid = v_table::regclass) = 'p' then
            perform pg_temp.finish_partitioned(v_table);
        end if;
    end loop;
    if (select relkind from pg_class where oid = 'weekly_summary'::regclass) = 'p' then
        create index if not exists idx_weekly_summary_sync on weekly_summary (last_synced_at, bigquery_sync_id);
    end if;
end
$$;

drop function pg_temp.complete, pg_temp.finish_partitioned;
