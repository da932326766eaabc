-- A period as it was published at some time: its rows as they are now, with everything undone that was changed since, by
-- publishes or by others. The result is compared with what was noted when it was published. Where that is not the same, or
-- where it cannot be known, this raises and never approximates.


-- The hash of a row of a summary table, as the text of an expression. target/checks.py has the same.
create or replace function row_hash_of(p_type period_type) returns text
language sql
stable
set search_path from current
as $$
    with stored as (
        select
            a.attname as name,
            case t.typbasetype
                when 0 then format_type(t.oid, a.atttypmod) else format_type(t.typbasetype, t.typtypmod)
            end as type,
            case t.typbasetype when 0 then a.atttypmod else t.typtypmod end as modifier,
            a.attgenerated <> '' as is_generated
        from pg_attribute as a
        join pg_type as t on t.oid = a.atttypid
        where a.attrelid = p_type.target_table::regclass and a.attnum > 0 and not a.attisdropped
    ), figure as (
        select
            f.position, f.name, f.rule, f.type, s.type as stored_type, s.modifier, s.is_generated,
            f.rule = 'unknown' or f.name ~ '_(same|one|two)_day_' as is_extra,
            format('rate(%I::bigint, %I::bigint)::numeric(10, 6)', f.numerator, f.denominator) as computed
        from summary_figures() with ordinality as f (name, type, rule, numerator, denominator, position)
        join stored as s on s.name = f.name
    ), written as (
        select
            position, is_extra, rule, name,
            case
                when rule = 'unknown' and type like 'numeric%' then format('%I::numeric(18, 4)', name)
                when rule = 'unknown' then quote_ident(name)
                when rule <> 'rate' then format('%I::bigint', name)
                when is_generated then computed
                when stored_type in ('numeric', 'numeric(10,6)') then format('%I::numeric(10, 6)', name)
                -- A column that keeps fewer places has the rate of its counts, if it is this rate as the column has it.
                else format(
                    'case when %1$I is not distinct from case when %2$s then %3$s::%4$s end then %3$s '
                    'else %1$I::numeric(10, 6) end',
                    name,
                    case
                        when stored_type like 'numeric%' then format(
                            '%s < 1e%s - 5e-%s',
                            computed,
                            ((modifier - 4) >> 16) - ((modifier - 4) & 2047),
                            ((modifier - 4) & 2047) + 1
                        )
                        else computed || ' is not null'
                    end,
                    computed,
                    stored_type
                )
            end as value
        from figure
    )
    select format(
        'row_hash(asin, row(%s)::text, case when num_nonnulls(%s) > 0 then query || e''\n'' || row(%s)::text else query end)',
        string_agg(value, ', ' order by rule = 'rate', position) filter (where not is_extra and rule <> 'rate')
            || case p_type.unit when 'week' then ', ' else ', active_weeks::bigint, ' end
            || string_agg(value, ', ' order by position) filter (where rule = 'rate'),
        string_agg(quote_ident(name), ', ' order by position) filter (where is_extra),
        string_agg(value, ', ' order by position) filter (where is_extra)
    )
    from written
$$;


-- From when on a period can be had as it was: where to look after a version that cannot be had. Null if nothing came later.
create or replace function known_since(p_version period_version) returns timestamptz
language sql
stable
set search_path from current
as $$
    select published_at from period_version
    where
        sync_type = p_version.sync_type and period_start = p_version.period_start
        and how <> 'deleted'
        and version > p_version.version
        and version >= coalesce(
            (
                select max(version) from period_version
                where sync_type = p_version.sync_type and period_start = p_version.period_start and not is_kept
            ),
            0
        )
    order by version
    limit 1
$$;


-- The version of a period that was the published one at some time.
create or replace function version_as_of(p_type period_type, p_period_start date, p_as_of timestamptz)
returns period_version
language plpgsql
stable
set search_path from current
as $$
declare
    v_first date := first_day_of(p_type.unit, p_period_start);
    v_period text := format('%s %s..%s', p_type.sync_type, p_period_start, (p_period_start + p_type.step)::date - 1);
    v_known period_version;
    v_version period_version;
    v_lost period_version;
    v_hint text;
begin
    if not has_table_privilege('period_change', 'select') then
        raise exception '%_as_of() needs to read period_change, and % may not', p_type.sync_type, current_user
            using
                errcode = 'insufficient_privilege',
                hint = 'It has the rows of everybody, so readers may not read it while a summary table has row security.';
    end if;
    if exists (select from pg_attribute where attrelid = p_type.target_table::regclass and attgenerated = 'v') then
        raise exception '%_as_of() returns nothing, because % has a virtual generated column',
            p_type.sync_type, p_type.target_table
            using
                detail = 'Its value is computed when it is read, so what it was with earlier figures cannot be returned.',
                hint = 'Make the column a stored one.';
    end if;
    if p_as_of is null or p_period_start is null then
        raise exception '%_as_of() needs the first day of a period and a time, and one of them is null', p_type.sync_type
            using hint = format('Try %s_as_of(''2026-11-01'', current_timestamp).', p_type.sync_type);
    end if;
    if v_first <> p_period_start then
        raise exception 'no % starts on %', p_type.unit, p_period_start
            using hint = format('That day belongs to the %s that starts on %s.', p_type.unit, v_first);
    end if;
    select * into v_version from period_version
    where sync_type = p_type.sync_type and period_start = p_period_start and published_at <= p_as_of
    order by version desc
    limit 1;
    if v_version.version is null then
        select * into v_known from period_version
        where sync_type = p_type.sync_type and period_start = p_period_start
        order by version
        limit 1;
        raise exception 'nothing is known of % at %', v_period, p_as_of
            using hint = coalesce(
                'It is known since ' || v_known.published_at || ', when it was published.',
                'It has not been published since this schema keeps what a publish changes.'
            );
    end if;
    v_hint := coalesce(
        'What came later is known: ask for a time from ' || known_since(v_version) || ' on.',
        'It has not been published since.'
    );
    if v_version.how = 'deleted' then
        raise exception '% was not published at %: it was deleted at %', v_period, p_as_of, v_version.published_at
            using hint = v_hint;
    end if;
    select * into v_lost from period_version
    where
        sync_type = p_type.sync_type and period_start = p_period_start
        and version > v_version.version and not is_kept
    order by version desc
    limit 1;
    if v_lost.version is not null then
        raise exception '% cannot be had as it was published at %, because %', v_period, p_as_of, case v_lost.how
            when 'deleted' then format('it was deleted at %s', v_lost.published_at)
            else format('what the publish at %s changed is not kept', v_lost.published_at)
        end
            using
                detail = case when v_lost.how <> 'deleted' then
                    'It changed more rows than target.keep_changes_rows allows, or is older than retention.changes_days.'
                else '' end,
                hint = v_hint;
    end if;
    return v_version;
end
$$;


-- A column that has been changed since a version and that the table does not have any more under this name; else null.
-- If it was renamed, its values would be taken for what it had.
create or replace function column_gone_since(p_type period_type, p_version period_version) returns text
language sql
stable
set search_path from current
as $$
    select min(changed.name)
    from (
        select distinct columns.name
        from period_change as change
        cross join lateral (
            select jsonb_object_keys(change.before)
            union all
            select jsonb_object_keys(change.after) where change.change = 'updated'
        ) as columns (name)
        where
            change.sync_type = p_version.sync_type and change.period_start = p_version.period_start
            and change.id > p_version.version and change.version is distinct from p_version.version
            and change.change <> 'inserted'
    ) as changed
    where not exists (
        select from pg_attribute as a
        where
            a.attrelid = p_type.target_table::regclass and a.attnum > 0 and not a.attisdropped
            and a.attname = changed.name
    )
$$;


-- The columns of a summary table, as the text of a select list over the rows that rows_as_of() makes of JSON. A null of JSON
-- makes a column null. In a column that is JSON itself it may have been that null, which is a value.
create or replace function columns_as_of(p_type period_type) returns text
language sql
stable
set search_path from current
as $$
    select string_agg(
        case
            when coalesce(nullif(t.typbasetype, 0), t.oid) in ('json'::regtype, 'jsonb'::regtype) then format(
                'coalesce(had.%1$I, case when undone.json_was_there ->> %1$L = ''true'' then ''null''::%2$s end) as %1$I',
                a.attname, format_type(t.oid, a.atttypmod)
            )
            else format('had.%I', a.attname)
        end,
        ', ' order by a.attnum
    )
    from pg_attribute as a
    join pg_type as t on t.oid = a.atttypid
    where a.attrelid = p_type.target_table::regclass and a.attnum > 0 and not a.attisdropped
$$;


-- The rows of a period as they were at a version, as the text of a query. Of each key the earliest change since decides
-- whether it was there, and of each column the earliest change what it had.
create or replace function rows_as_of(p_type period_type, p_version period_version) returns text
language sql
stable
set search_path from current
as $$
    select format(
        $rows$
        with changed as (
            select
                id, query, asin, change, before,
                case
                    when change = 'deleted' then before
                    -- what only the later row has was null
                    else coalesce((select jsonb_object_agg(name, null) from jsonb_object_keys(after) as name), '{}') || before
                end as had,
                first_value(change) over (partition by query, asin order by id) as first_change,
                min(id) filter (where change = 'deleted') over (partition by query, asin) as deleted_id
            from period_change
            where
                sync_type = %1$L and period_start = %2$L and id > %3$s
                and (version is null or version <> %3$s)
        ), undone as (
            select
                query, asin, changed.deleted_id is not null as is_whole,
                jsonb_object_agg(name, value order by id desc) as had,
                jsonb_object_agg(name, before ? name order by id desc) filter (where value = 'null') as json_was_there
            from changed
            cross join lateral jsonb_each(had) as columns (name, value)
            where first_change <> 'inserted' and (deleted_id is null or id <= deleted_id)
            group by query, asin, is_whole
        )
        select now.*
        from %4$I as now
        where
            now.period_start = %2$L
            and not exists (
                select from changed
                where changed.query = now.query::text collate "C" and changed.asin = now.asin::text collate "C"
            )
        union all
        select %5$s
        from undone
        left join %4$I as now
            on now.period_start = %2$L
            and now.query::text collate "C" = undone.query
            and now.asin::text collate "C" = undone.asin
        cross join lateral jsonb_populate_record(
            case when is_whole then null::%4$I else now end,
            undone.had || jsonb_build_object('period_start', %2$L, 'query', undone.query, 'asin', undone.asin)
        ) as had
        where is_whole or now.query is not null
        $rows$,
        p_version.sync_type, p_version.period_start, p_version.version, p_type.target_table, columns_as_of(p_type)
    )
$$;


-- The rows of any summary table as they were published; the three functions below are for people.
--   p_row: a null of the table's row type
create or replace function as_of(p_row anyelement, p_period_start date, p_as_of timestamptz) returns setof anyelement
language plpgsql
stable
set search_path from current
set extra_float_digits = 1
as $$
declare
    v_type period_type := (
        select t from period_type as t
        join pg_class as c on c.oid = t.target_table::regclass
        where c.reltype = pg_typeof(p_row)
    );
    v_version period_version := version_as_of(v_type, p_period_start, p_as_of);
    v_rows text := rows_as_of(v_type, v_version);
    -- The newest version after which somebody else wrote more than is kept.
    v_lost period_version := (
        select lost from period_version as lost
        where
            lost.sync_type = v_version.sync_type and lost.period_start = v_version.period_start
            and lost.version >= v_version.version and lost.has_lost
        order by lost.version desc
        limit 1
    );
    v_after period_version := v_version;
    v_next timestamptz;
    v_gone text := column_gone_since(v_type, v_version);
    v_count bigint;
    v_hash bigint;
    v_totals jsonb;
    -- A row that came although it was there, or changed although it was not, had gone or come unseen.
    v_is_broken boolean := exists (
        select
        from (
            select change, lag(change) over (partition by query, asin order by id) as previous
            from period_change
            where
                sync_type = v_version.sync_type and period_start = v_version.period_start
                and id > v_version.version and version is distinct from v_version.version
        ) as changed
        where (change = 'inserted') <> (previous = 'deleted')
    );
begin
    if v_gone is not null then
        raise exception '% % cannot be had as it was published at %: % has no column % any more',
            v_version.sync_type, p_period_start, p_as_of, v_type.target_table, v_gone
            using
                detail = 'Rows were changed since when the column had this name. It may have been renamed or dropped.',
                hint = 'No rows are returned, because they might be wrong. Give the column its name back.';
    end if;
    if v_version.row_hash is null and v_version.totals is null then
        raise exception '% % cannot be had as it was published at %: nothing was noted to compare its rows with',
            v_version.sync_type, p_period_start, v_version.published_at
            using hint = 'No rows are returned, because they might be wrong. Ask for another time, or sync the period.';
    end if;
    if v_version.row_hash is not null then
        execute format('select count(*), coalesce(bit_xor(%s), 0) from (%s) as rows', row_hash_of(v_type), v_rows)
        into v_count, v_hash;
    else
        execute totals_of(v_rows) into v_totals;
    end if;
    if v_lost.version is not null then
        v_is_broken := true;
        v_after := v_lost;
    end if;
    if
        v_is_broken
        or (v_count, v_hash) is distinct from (v_version.row_count, v_version.row_hash)
        or v_totals <> v_version.totals
    then
        select min(published_at) into v_next from period_version
        where sync_type = v_version.sync_type and period_start = v_version.period_start and version > v_after.version;
        raise exception '% % cannot be had as it was published at %: its rows are not those that were published at %',
            v_version.sync_type, p_period_start, p_as_of, v_version.published_at
            using
                detail = format(
                    'Somebody has written to it in a way that is not kept, after %s%s: %s.',
                    v_after.published_at,
                    ' and before ' || v_next,
                    case
                        when v_lost.version is null then 'to its partition, or with triggers switched off'
                        else 'more rows at once than target.keep_changes_rows allows, or the table was emptied'
                    end
                ),
                hint = 'No rows are returned, because they would be wrong.';
    end if;
    return query execute v_rows;
end
$$;


-- The week that starts on p_period_start as it was published at p_as_of.
create or replace function weekly_as_of(p_period_start date, p_as_of timestamptz) returns setof weekly_summary
language sql
stable
set search_path from current
as $$
    select * from as_of(null::weekly_summary, p_period_start, p_as_of)
$$;


create or replace function monthly_as_of(p_period_start date, p_as_of timestamptz) returns setof monthly_summary
language sql
stable
set search_path from current
as $$
    select * from as_of(null::monthly_summary, p_period_start, p_as_of)
$$;


create or replace function quarterly_as_of(p_period_start date, p_as_of timestamptz) returns setof quarterly_summary
language sql
stable
set search_path from current
as $$
    select * from as_of(null::quarterly_summary, p_period_start, p_as_of)
$$;
