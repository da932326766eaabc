-- What each publish changed, row by row, and what others changed between publishes. The triggers of 7_triggers.sql write it,
-- so that a change is kept in the transaction that makes it, whoever makes it.
--
-- A publish draws its version from the sequence that numbers the changes, after it has locked the rows of its periods in the
-- ledger. Every trigger locks them too before it writes a change. So what others changed before a version has smaller
-- numbers, and what they change after it larger ones.
--
-- The setting sqp_sync.version of a transaction says who writes: nothing is somebody else, a number is the publish of that
-- version, and 'off' keeps nothing. Anybody can set it, so it is believed only of a login that may publish.


-- Who writes, as that setting says; null is somebody else. In a trigger, the current user is the owner of its function,
-- whose rights those who publish have.
create or replace function current_writer() returns text
language sql
stable
set search_path from current
as $$
    select case
        when pg_has_role(session_user, current_user, 'member') then nullif(current_setting('sqp_sync.version', true), '')
    end
$$;


-- The values of a row as JSON, those that are null left out, as the text of an expression that gives a text: as jsonb the
-- values would be sorted and copied several times, which takes twice as long.
--   p_of     the row's name in the statement
--   p_other  the name of another row: only the values that differ from it. Where there is no other row, all differ.
create or replace function row_as_json(p_table regclass, p_of text, p_other text) returns text
language sql
stable
set search_path from current
as $$
    with stored as (
        select
            format('%s.%I', p_of, a.attname) as value,
            format('%s.%I', p_other, a.attname) as other_value,
            to_json(a.attname::text) || ':' as label,
            -- Types that only a table of yours can have may have no comparison, so their texts are compared.
            case
                when t.typcategory = 'S' then ' collate "C"'
                when t.typcategory in ('B', 'D', 'E', 'N', 'T') then ''
                else '::text'
            end as compared,
            row_number() over (order by a.attnum) as number
        from pg_attribute as a
        join pg_type as t on t.oid = a.atttypid
        where
            a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
            and a.attgenerated <> 'v'
            and a.attname not in ('period_start', 'query', 'asin')
    ), part as (
        select string_agg(
            format(
                'case when %s then %L || to_json(%s)::text end',
                case
                    when p_other is null then value || ' is not null'
                    else format('%1$s%3$s is distinct from %2$s%3$s', value, other_value, compared)
                end,
                label,
                value
            ),
            ', ' order by number
        ) as columns
        from stored
        group by number / 90  -- a function takes no more than 100 arguments
    )
    select format(
        $json$('{' || concat_ws(',', %s) || '}')$json$,
        string_agg(format($json$nullif(concat_ws(',', %s), '')$json$, columns), ', ')
    )
    from part
$$;


-- The periods that were published, so that what changes in them is kept. One whose last row somebody has deleted may be
-- missing in the ledger.
create or replace function published_of(p_sync_type text, p_periods date[]) returns date[]
language sql
stable
set search_path from current
as $$
    select coalesce(array_agg(first), '{}')
    from unnest(p_periods) as first
    left join synced_period as ledger on ledger.sync_type = p_sync_type and ledger.period_start = first
    where
        ledger.state in ('synced', 'derived')
        or (
            ledger.state is null
            and exists (
                select from period_version as version
                where version.sync_type = p_sync_type and version.period_start = first
            )
        )
$$;


-- The rows that a statement changed, as the text of a query over the transition tables of its trigger: only the trigger
-- itself sees them. An update of a key deletes one row and inserts another. The offset keeps Postgres from building
-- the JSON of a row more than once.
create or replace function changed_rows(p_table regclass, p_event text, p_periods date[]) returns text
language sql
stable
set search_path from current
as $$
    select format(
        $changed$
        select period_start, query, asin, change, before::jsonb as before, after::jsonb as after
        from (select %s offset bigint '0') as changed
        where
            period_start = any (%L::date[]) and query is not null and asin is not null
            and before is distinct from after
        $changed$,
        case p_event
            when 'INSERT' then format(
                $insert$
                period_start, query::text, asin::text, 'inserted' as change, null as before, %s as after
                from new_rows as n
                $insert$,
                row_as_json(p_table, 'n', null)
            )
            when 'DELETE' then format(
                $delete$
                period_start, query::text, asin::text, 'deleted' as change, %s as before, null as after
                from old_rows as o
                $delete$,
                row_as_json(p_table, 'o', null)
            )
            when 'UPDATE' then format(
                $update$
                coalesce(o.period_start, n.period_start) as period_start,
                coalesce(o.query, n.query)::text as query,
                coalesce(o.asin, n.asin)::text as asin,
                case when o.query is null then 'inserted' when n.query is null then 'deleted' else 'updated' end as change,
                case when o.query is not null then %s end as before,
                case when n.query is not null then %s end as after
                from old_rows as o
                full join new_rows as n on n.period_start = o.period_start and n.query = o.query and n.asin = o.asin
                $update$,
                row_as_json(p_table, 'o', 'n'),
                row_as_json(p_table, 'n', 'o')
            )
        end,
        p_periods
    )
$$;


-- The text of a statement that adds changed rows to what a version says of its periods.
--   p_changes: a query for period_start and change
create or replace function count_into_version(p_sync_type text, p_version bigint, p_changes text, p_is_kept boolean)
returns text
language sql
immutable
set search_path from current
as $$
    select format(
        $count$
        insert into period_version as version (
            sync_type, period_start, version, how, inserted, updated, deleted, is_kept, is_healing
        )
        select
            %1$L, period_start, %2$s, %3$L,
            count(*) filter (where change = 'inserted'),
            count(*) filter (where change = 'updated'),
            count(*) filter (where change = 'deleted'),
            %4$L, false
        from (%5$s) as changes
        group by period_start
        on conflict (sync_type, period_start, version) do update set
            inserted = version.inserted + excluded.inserted,
            updated = version.updated + excluded.updated,
            deleted = version.deleted + excluded.deleted,
            is_kept = version.is_kept and excluded.is_kept
        $count$,
        p_sync_type, p_version, case p_sync_type when 'weekly' then 'difference' else 'summed' end, p_is_kept, p_changes
    )
$$;


-- Notes at the newest version of published periods that what somebody else now writes is not kept.
--   p_periods: null: all periods of the type
create or replace function note_lost(p_sync_type text, p_periods date[] default null) returns void
language sql
set search_path from current
as $$
    update period_version as version set has_lost = true
    where
        sync_type = p_sync_type
        and (p_periods is null or period_start = any (p_periods))
        and how <> 'deleted'
        and not has_lost
        and not exists (
            select from period_version as later
            where
                later.sync_type = version.sync_type and later.period_start = version.period_start
                and later.version > version.version
        )
$$;


-- What keeps the changes of one statement, as the text of another, for its trigger to execute; null if nothing is to be
-- kept. Of a publish the changes are counted also where they are not kept.
--   p_rows: how many rows the statement changed
create or replace function keep_changes(p_sync_type text, p_event text, p_periods date[], p_rows bigint) returns text
language plpgsql
set search_path from current
as $$
declare
    v_writer text := current_writer();
    v_type period_type := (select t from period_type as t where t.sync_type = p_sync_type);
    v_published date[] := published_of(p_sync_type, p_periods);
    v_insert text;
begin
    if v_writer = 'off' or (v_writer is null and (v_published = '{}' or p_rows > v_type.kept_changes)) then
        perform note_lost(p_sync_type, v_published);
        return null;
    end if;
    if v_published = '{}' or p_rows > v_type.kept_changes or (v_writer is not null and v_published <> p_periods) then
        return count_into_version(
            p_sync_type,
            v_writer::bigint,
            format(
                'select period_start, %L as change from %s',
                case p_event when 'INSERT' then 'inserted' when 'DELETE' then 'deleted' else 'updated' end,
                case p_event when 'DELETE' then 'old_rows' else 'new_rows' end
            ),
            -- Where nothing was published, an insert takes nothing away that could be asked for.
            v_published = '{}' and p_event = 'INSERT'
        );
    end if;
    v_insert := format(
        'insert into period_change (sync_type, period_start, query, asin, change, before, after, version, changed_by) '
        'select %L, period_start, query, asin, change, before, after, %L::bigint, %L from (%s) as changed',
        p_sync_type,
        v_writer,
        case when v_writer is null then session_user end,
        changed_rows(v_type.target_table::regclass, p_event, v_published)
    );
    if v_writer is null then
        return v_insert;
    end if;
    return format('with kept as (%s returning period_start, change) ', v_insert)
        || count_into_version(p_sync_type, v_writer::bigint, 'select period_start, change from kept', true);
end
$$;


-- Begins a publish: from now on the triggers of this transaction write its version to what they keep. Call it after the
-- periods are locked.
create or replace function begin_version() returns bigint
language plpgsql
set search_path from current
as $$
declare
    v_version bigint := nextval('period_change_id_seq');
begin
    perform set_config('sqp_sync.version', v_version::text, true);
    return v_version;
end
$$;


-- Notes that somebody else had written to a sum before this version summed it anew.
create or replace function doubt_version(p_sync_type text, p_first date) returns void
language sql
set search_path from current
as $$
    update period_version set is_healing = true
    where
        sync_type = p_sync_type and period_start = p_first
        and version::text = current_writer()
$$;


-- The totals of rows, as the text of a query for one JSON object.
--   p_rows: a query for the rows
create or replace function totals_of(p_rows text) returns text
language sql
immutable
set search_path from current
as $$
    select format(
        $totals$
        select jsonb_build_object(
            'rows', coalesce(sum(of_asin.row_count)::bigint, 0), 'asins', count(*),
            'total_impressions', coalesce(sum(of_asin.impressions)::bigint, 0),
            'total_clicks', coalesce(sum(of_asin.clicks)::bigint, 0),
            'total_cart_adds', coalesce(sum(of_asin.cart_adds)::bigint, 0),
            'total_purchases', coalesce(sum(of_asin.purchases)::bigint, 0)
        )
        from (
            select
                count(*) as row_count,
                sum(total_impressions::bigint) as impressions,
                sum(total_clicks::bigint) as clicks,
                sum(total_cart_adds::bigint) as cart_adds,
                sum(total_purchases::bigint) as purchases
            from (%s) as rows
            group by asin
        ) as of_asin
        $totals$,
        p_rows
    )
$$;


-- What the totals of a period were at its last version, plus what changed since; null where this cannot be known. The number
-- of ASINs is left out where rows came or went.
create or replace function totals_since(p_version period_version) returns jsonb
language sql
stable
set search_path from current
as $$
    select case
        when before.how <> 'deleted' and p_version.is_kept and not p_version.is_healing then
            jsonb_build_object(
                'rows', (before.totals ->> 'rows')::bigint
                    + count(*) filter (where c.change = 'inserted') - count(*) filter (where c.change = 'deleted'),
                'total_impressions', (before.totals ->> 'total_impressions')::bigint + coalesce(sum(
                    coalesce((c.after ->> 'total_impressions')::numeric, 0) - coalesce((c.before ->> 'total_impressions')::numeric, 0)
                )::bigint, 0),
                'total_clicks', (before.totals ->> 'total_clicks')::bigint + coalesce(sum(
                    coalesce((c.after ->> 'total_clicks')::numeric, 0) - coalesce((c.before ->> 'total_clicks')::numeric, 0)
                )::bigint, 0),
                'total_cart_adds', (before.totals ->> 'total_cart_adds')::bigint + coalesce(sum(
                    coalesce((c.after ->> 'total_cart_adds')::numeric, 0) - coalesce((c.before ->> 'total_cart_adds')::numeric, 0)
                )::bigint, 0),
                'total_purchases', (before.totals ->> 'total_purchases')::bigint + coalesce(sum(
                    coalesce((c.after ->> 'total_purchases')::numeric, 0) - coalesce((c.before ->> 'total_purchases')::numeric, 0)
                )::bigint, 0)
            ) || case
                when count(*) filter (where c.change <> 'updated') = 0
                    then jsonb_build_object('asins', before.totals -> 'asins')
                else '{}'
            end
    end
    from (
        select * from period_version
        where sync_type = p_version.sync_type and period_start = p_version.period_start and version < p_version.version
        order by version desc
        limit 1
    ) as before
    left join period_change as c
        on c.sync_type = p_version.sync_type and c.period_start = p_version.period_start and c.id > before.version
        and c.version is distinct from before.version
    where before.totals ? 'asins' and not before.has_lost
    group by before.version, before.totals, before.how
    -- What others brought may have been there before, and have gone with its partition.
    having count(*) filter (where c.version is null and c.change = 'inserted') = 0
$$;


-- The totals of a period that has been published in this version, as far as they were not given. Rows are read only where
-- the totals do not follow from those of the last version.
create or replace function complete_totals(p_version period_version) returns jsonb
language plpgsql
set search_path from current
as $$
declare
    v_table text := (select target_table from period_type where sync_type = p_version.sync_type);
    v_totals jsonb := coalesce(totals_since(p_version), '{}') || coalesce(p_version.totals, '{}');
    v_rows text := format('select * from %I where period_start = %L', v_table, p_version.period_start);
    v_asins bigint;
begin
    if not v_totals ? 'rows' then
        execute totals_of(v_rows) into v_totals;
    elsif not v_totals ? 'asins' then
        execute format('select count(*) from (select asin from (%s) as rows group by asin) as asins', v_rows) into v_asins;
        v_totals := v_totals || jsonb_build_object('asins', v_asins);
    end if;
    return v_totals;
end
$$;


-- Marks what a version put back: changes of rows that somebody else had changed since the version before.
create or replace function mark_healing(p_version period_version) returns void
language plpgsql
set search_path from current
as $$
declare
    v_before bigint := (
        select max(version) from period_version
        where sync_type = p_version.sync_type and period_start = p_version.period_start and version < p_version.version
    );
    v_is_healing boolean := v_before is not null and (
        p_version.is_healing
        or exists (
            select from period_change
            where sync_type = p_version.sync_type and period_start = p_version.period_start
                and id > v_before and version is null
        )
    );
begin
    update period_version set is_healing = v_is_healing
    where sync_type = p_version.sync_type and period_start = p_version.period_start and version = p_version.version
        and is_healing <> v_is_healing;
    if v_is_healing then
        update period_change as ours set is_healing = true
        from (
            select distinct query, asin from period_change
            where sync_type = p_version.sync_type and period_start = p_version.period_start
                and id > v_before and version is null
        ) as theirs
        where ours.sync_type = p_version.sync_type and ours.period_start = p_version.period_start
            and ours.id > v_before and ours.version = p_version.version
            and ours.query = theirs.query and ours.asin = theirs.asin;
    end if;
end
$$;


-- Gives all periods of a publish one time, here and in the ledger. It is the time of the publish's last statement: nobody
-- sees a publish before it is committed, so whoever asks for an earlier time is to get what was seen then.
create or replace function stamp_version(p_version bigint) returns void
language sql
set search_path from current
as $$
    with last as materialized (
        select clock_timestamp() as statement_at
    ),

    stamped as (
        update synced_period as ledger set published_at = last.statement_at
        from period_version as version
        cross join last
        where
            version.version = p_version
            and ledger.sync_type = version.sync_type
            and ledger.period_start = version.period_start
    )

    update period_version as version set published_at = last.statement_at
    from last
    where version.version = p_version
$$;


-- Ends a publish: writes what it knows of its periods, and completes what the triggers have written of others. What comes
-- after it in the transaction is somebody else's.
--   p_parts: a list of objects. is_whole: a partition took the place of all rows, which no trigger saw. is_kept: null
--            where nothing was there before. is_doubted: somebody had written to the period.
create or replace function end_version(p_version bigint, p_parts jsonb default '[]') returns void
language plpgsql
set search_path from current
as $$
declare
    v_version period_version;
begin
    insert into period_version as version (
        sync_type, period_start, version, how, sync_log_id, attempt, snapshot_at, row_count, row_hash,
        inserted, updated, deleted, totals, is_kept, is_healing
    )
    select
        part.sync_type, part.period_start, p_version, part.how, ledger.sync_log_id, ledger.attempt, ledger.snapshot_at,
        ledger.row_count, ledger.row_hash, part.inserted, part.updated, part.deleted, part.totals,
        coalesce(part.is_kept, before.how is null or before.how = 'deleted'),
        part.is_doubted
    from jsonb_to_recordset(p_parts) as part (
        sync_type text, period_start date, how text, inserted bigint, updated bigint, deleted bigint, totals jsonb,
        is_kept boolean, is_doubted boolean
    )
    join synced_period as ledger on ledger.sync_type = part.sync_type and ledger.period_start = part.period_start
    left join lateral (
        select v.how from period_version as v
        where v.sync_type = part.sync_type and v.period_start = part.period_start and v.version < p_version
        order by v.version desc
        limit 1
    ) as before on true
    on conflict (sync_type, period_start, version) do update set
        how = excluded.how,
        sync_log_id = excluded.sync_log_id,
        attempt = excluded.attempt,
        snapshot_at = excluded.snapshot_at,
        row_count = excluded.row_count,
        row_hash = excluded.row_hash,
        totals = excluded.totals,
        is_healing = version.is_healing or excluded.is_healing;
    -- A sum that has no row left is no longer in the ledger.
    update period_version as version set how = 'deleted'
    where
        version.version = p_version and version.how = 'summed'
        and not exists (
            select from synced_period as ledger
            where ledger.sync_type = version.sync_type and ledger.period_start = version.period_start
        );
    for v_version in select * from period_version where version = p_version order by sync_type, period_start loop
        perform mark_healing(v_version);
        if v_version.how <> 'deleted' and not (coalesce(v_version.totals, '{}') ?& '{rows,asins}') then
            update period_version set totals = complete_totals(v_version)
            where sync_type = v_version.sync_type and period_start = v_version.period_start and version = p_version;
        end if;
    end loop;
    perform set_config('sqp_sync.version', '', true);
    perform stamp_version(p_version);
end
$$;
