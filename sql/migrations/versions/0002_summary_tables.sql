-- The summary tables. Where none exists, a partitioned one is created. A plain table
-- of the name is adopted: it keeps its rows, its key and its own columns, gets the missing columns with
-- their defaults, and columns too narrow for the source are widened, never narrowed.

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


-- Says why a table of the name cannot be adopted, before anything is changed.
create function pg_temp.refuse_unfit(p_table regclass) returns void
language plpgsql
as $$
declare
    v_kind text := (select relkind from pg_class where oid = p_table);
    v_missing text;
begin
    if v_kind not in ('r', 'p') or (v_kind = 'p' and pg_get_partkeydef(p_table) <> 'RANGE (period_start)') then
        raise exception '% exists but is neither a plain table nor partitioned by range (period_start)', p_table
            using hint = 'Rename it, or move it to another schema.';
    end if;
    select string_agg(key.name || ' ' || key.type, ', ')
    into v_missing
    from (
        values ('period_start', 'date'), ('period_end', 'date'), ('query', 'text'), ('asin', 'text')
    ) as key (name, type)
    where not exists (
        select from pg_attribute
        where attrelid = p_table and attname = key.name and attnum > 0 and not attisdropped
            and atttypid = any (case key.type when 'date' then '{date}' else '{text,varchar,bpchar}' end::regtype[])
    );
    if v_missing is not null then
        raise exception '% exists but lacks %', p_table, v_missing
            using hint = 'Add or convert these columns, or rename the table.';
    end if;
end
$$;


-- What has to be done to one column of an adopted table, as a clause of alter table; null = nothing.
-- A numeric's typmod holds its precision in the upper 16 bits and its scale in the lower 11, plus 4.
create function pg_temp.column_change(p_expected pg_attribute, p_default text, p_found pg_attribute) returns text
language sql
as $$
    select case
        when p_found.attname is null
            then format(
                'add column %I %s %s',
                p_expected.attname,
                format_type(p_expected.atttypid, p_expected.atttypmod),
                'default ' || p_default
            )
        -- A whole number kept as a decimal or float, a rate kept as a float: the load writes whole and exact ones.
        when p_expected.atttypid = 'bigint'::regtype
            and p_found.atttypid in ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype)
            then format('alter column %I type bigint', p_expected.attname)
        when p_expected.atttypid = 'numeric'::regtype
            and p_found.atttypid in ('real'::regtype, 'double precision'::regtype)
            then format('alter column %I type numeric', p_expected.attname)
        when p_expected.atttypid = 'bigint'::regtype and p_found.atttypid in ('smallint'::regtype, 'integer'::regtype)
            then format('alter column %I type bigint', p_expected.attname)
        when p_expected.atttypid = 'text'::regtype
            and (p_found.atttypid <> 'text'::regtype or p_found.attcollation <> p_expected.attcollation)
            then format('alter column %I type text collate "C"', p_expected.attname)
        when p_expected.atttypid = 'numeric'::regtype and p_found.atttypid = 'numeric'::regtype
            and p_found.atttypmod <> -1 and (wide.scale > found.scale or wide.digits > found.digits)
            then format(
                'alter column %I type numeric(%s, %s)', p_expected.attname, wide.digits + wide.scale, wide.scale
            )
    end
    from (select (p_found.atttypmod - 4) & 2047 as scale, (p_found.atttypmod - 4) >> 16 as precision) as typmod,
        lateral (select typmod.scale, typmod.precision - typmod.scale as digits) as found,
        lateral (select greatest(found.scale, 6) as scale, greatest(found.digits, 4) as digits) as wide
$$;


-- All changes of a table in one statement, so that it is rewritten once.
create function pg_temp.complete(p_table text) returns void
language plpgsql
as $$
declare
    v_changes text;
begin
    select string_agg(change, ', ' order by expected.attnum)
    into v_changes
    from pg_attribute as expected
    left join pg_attrdef as fallback on fallback.adrelid = expected.attrelid and fallback.adnum = expected.attnum
    left join pg_attribute as actual
        on actual.attrelid = p_table::regclass and actual.attname = expected.attname and not actual.attisdropped
    cross join lateral
        pg_temp.column_change(expected, pg_get_expr(fallback.adbin, fallback.adrelid), actual) as change
    where expected.attrelid = ('pg_temp.expected_' || p_table)::regclass and expected.attnum > 0;

    if v_changes is not null then
        raise info 'Adopting %: %', p_table, v_changes;
        execute format('alter table %I %s', p_table, v_changes);
    end if;
    select string_agg(format('%s is %s, expected %s', actual.attname, actual.atttypid::regtype, expected.atttypid::regtype), ', ')
    into v_changes
    from pg_attribute as expected
    join pg_attribute as actual on actual.attrelid = p_table::regclass and actual.attname = expected.attname
    where
        expected.attrelid = ('pg_temp.expected_' || p_table)::regclass
        and expected.attnum > 0
        and not actual.attisdropped
        and expected.atttypid in ('bigint'::regtype, 'numeric'::regtype, 'date'::regtype)
        and actual.atttypid <> expected.atttypid;
    if v_changes is not null then
        raise exception '% cannot be adopted: %', p_table, v_changes
            using hint = 'Convert these columns with alter table, or rename the table.';
    end if;
    if not exists (
        select from pg_constraint
        where conrelid = p_table::regclass and contype = 'f' and confrelid = 'sync_log'::regclass
    ) then
        execute format('alter table %I add foreign key (sync_log_id) references sync_log (id)', p_table);
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
        perform pg_temp.refuse_unfit(v_table::regclass);
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

drop function pg_temp.refuse_unfit, pg_temp.column_change, pg_temp.complete, pg_temp.finish_partitioned;
