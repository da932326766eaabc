-- Whether a published period is complete. Amazon's reports arrive ASIN by ASIN over days, so rows alone do not tell. A
-- period is compared with those around it, of the same type: which ASINs they have, and how many days they took. Their rows
-- only tell whether a period that has its ASINs was cut short.


-- The published periods with which a period is compared: the four nearest earlier ones. Where fewer than two are known,
-- as in the first weeks of a backfill, the nearest later ones make up four.
create or replace function neighbours_of(p_sync_type text, p_first date)
returns table (period_start date, asins text[])
language sql
stable
set search_path from current
as $$
    with earlier as (
        select period_start, asins
        from synced_period
        where
            sync_type = p_sync_type
            and period_start < p_first
            and state = 'synced'
            and row_count > 0
            and asins is not null
        order by period_start desc
        limit 4
    ),

    later as (
        select period_start, asins
        from synced_period
        where
            sync_type = p_sync_type
            and period_start > p_first
            and state = 'synced'
            and row_count > 0
            and asins is not null
        order by period_start
        limit 4
    )

    select period_start, asins from earlier
    union all
    (
        select period_start, asins
        from later
        where (select count(*) from earlier) < 2
        order by period_start
        limit 4 - (select count(*) from earlier)
    )
$$;


-- How many rows the smallest neighbour has of each published period, found for all periods at once: period_status asks for
-- them whenever it is read. The neighbours are those of neighbours_of().
create or replace function rows_around() returns table (sync_type text, period_start date, row_count bigint)
language sql
stable
set search_path from current
as $$
    select
        sync_type,
        period_start,
        case row_number() over nearest
            when 1 then min(row_count) over (nearest rows between current row and 4 following exclude current row)
            when 2 then min(row_count) over (nearest rows between 1 preceding and 3 following exclude current row)
            else min(row_count) over (nearest rows between 4 preceding and current row exclude current row)
        end
    from synced_period
    where state = 'synced' and row_count > 0 and asins is not null
    window nearest as (partition by sync_type order by period_start)
$$;


-- The periods whose numbers change with those of a period: itself, the four later ones, and the two oldest, which are
-- compared with later ones.
create or replace function judged_with(p_sync_type text, p_first date) returns setof date
language sql
stable
set search_path from current
as $$
    select p_first
    union
    (
        select period_start
        from synced_period
        where sync_type = p_sync_type and period_start > p_first and state = 'synced'
        order by period_start
        limit 4
    )
    union
    (
        select period_start
        from synced_period
        where sync_type = p_sync_type and state = 'synced'
        order by period_start
        limit 2
    )
$$;


-- How many days after its end such a period usually has 95 % of its ASINs (period_type.complete_above). Of the eight
-- periods before it those count that were first published while they arrived, and of these the second slowest, or the
-- slowest if there are fewer than four. Where there is none, it is the publication delay. One that had enough when it was
-- first published tells when somebody looked first. It counts if that was at most three days after the delay.
create or replace function usual_days(p_sync_type text, p_first date) returns integer
language sql
stable
set search_path from current
as $$
    with type as (
        select * from period_type where sync_type = p_sync_type
    ),

    before as (
        select period_start, period_end, cardinality(asins) as asins
        from synced_period
        where
            sync_type = p_sync_type
            and period_start < p_first
            and state = 'synced'
            and row_count > 0
            and asins is not null
        order by period_start desc
        limit 8
    ),

    version as (
        select
            before.period_start,
            version.version,
            (version.snapshot_at at time zone 'UTC')::date - before.period_end as days,
            (version.totals ->> 'asins')::integer >= type.complete_above * before.asins as has_enough
        from before
        cross join type
        join period_version as version
            on version.sync_type = p_sync_type
            and version.period_start = before.period_start
            and version.snapshot_at is not null
    ),

    arrived as (
        select least(min(days) filter (where has_enough), (select days_allowed from type)) as days
        from version
        group by period_start
        having
            min(days) between 0 and (select days_allowed from type)
            and bool_or(has_enough)
            and (
                min(days) <= (select delay_days from type) + 3
                or not (array_agg(has_enough order by version))[1]
            )
    )

    select coalesce(
        (select case when count(*) < 4 then max(days) else (array_agg(days order by days desc))[2] end from arrived),
        (select delay_days from type)
    )
$$;


-- The day until which a period is given time: its usual day, and the checks that must find nothing new after it.
create or replace function expected_by(p_sync_type text, p_first date) returns date
language sql
stable
set search_path from current
as $$
    select (p_first + step)::date - 1 + usual_days(p_sync_type, p_first) + quiet_checks
    from period_type
    where sync_type = p_sync_type
$$;


-- How many ASINs a period should have, and how many of these it has. Looked for are the ASINs that at least all but one of
-- its neighbours have: three of four, two of three, or both of two. ASINs come and go, so not all of these are expected:
--   * one that a neighbour lacks counts as the part of them that has it: three quarters
--   * a complete period lacks some that all others have. How many is counted for each neighbour; the second smallest number
--     counts, because the smallest may be luck and the largest a period that never became complete (of two, the smallest)
-- Null where fewer than two neighbours are known, or where they have no ASIN in common.
create or replace function compare_asins(
    p_sync_type text, p_first date, p_asins text[], out expected integer, out found integer
)
language sql
stable
set search_path from current
as $$
    with neighbour as materialized (
        select asins, row_number() over () as number, count(*) over () as neighbours
        from neighbours_of(p_sync_type, p_first)
    ),

    regular as materialized (
        select
            asin,
            neighbours,
            count(*) as had_by,
            neighbours * (neighbours + 1) / 2 - sum(number) as lacking  -- the number of the neighbour that lacks it
        from neighbour
        cross join unnest(asins) as asin
        group by asin, neighbours
        having count(*) >= greatest(neighbours - 1, 2)
    ),

    lacks as (
        select (array_agg(asins order by asins))[case min(neighbours) when 2 then 1 else 2 end] as usually
        from (
            select neighbours, (select count(*) from regular where lacking = number) as asins
            from neighbour
        ) as each
    ),

    counted as (
        select
            sum(had_by::numeric / neighbours) as looked_for,
            count(*) filter (where had_by = neighbours) as in_all,
            count(here.asin) as found
        from regular
        left join unnest(p_asins) as here (asin) on here.asin = regular.asin
    ),

    should as (
        select found, round(looked_for * in_all::numeric / nullif(in_all + usually, 0)) as asins
        from counted
        cross join lacks
    )

    select asins::integer, least(found, asins)::integer
    from should
    where asins > 0
$$;


-- Writes these numbers of some periods into the ledger. A publish is prepared again if the row of its period was written
-- to meanwhile. So a row is written only if a number differs, and not while a run works on its period: each run does this
-- at its end. All is computed first, while nobody waits. A period that was published meanwhile is left to its own run, and
-- all of it to the next check while somebody has locked the ledger: a run must not end later because of that.
create or replace function judge_completeness(p_sync_type text, p_firsts date[]) returns void
language plpgsql
set search_path from current
as $$
declare
    v_judged jsonb;
begin
    select jsonb_agg(to_jsonb(judged))
    into v_judged
    from (
        select
            ledger.period_start,
            ledger.published_at,
            ledger.asins_expected as was_expected,
            ledger.asins_found as was_found,
            ledger.expected_by as was_expected_by,
            compared.expected,
            compared.found,
            expected_by(p_sync_type, ledger.period_start) as expected_by
        from synced_period as ledger
        cross join lateral compare_asins(p_sync_type, ledger.period_start, ledger.asins) as compared
        where
            ledger.sync_type = p_sync_type
            and ledger.period_start = any (p_firsts)
            and ledger.state = 'synced'
            and ledger.asins is not null
    ) as judged
    where
        (judged.was_expected, judged.was_found, judged.was_expected_by)
        is distinct from (judged.expected, judged.found, judged.expected_by);

    begin
        lock table synced_period in row exclusive mode nowait;
    exception when lock_not_available then
        raise notice 'the ledger is locked: the next check judges whether periods are complete';
        return;
    end;

    update synced_period as ledger set
        asins_expected = free.expected,
        asins_found = free.found,
        expected_by = free.expected_by
    from (
        select judged.*
        from jsonb_to_recordset(v_judged) as judged (
            period_start date, published_at timestamptz, expected integer, found integer, expected_by date
        )
        join synced_period as unlocked
            on unlocked.sync_type = p_sync_type and unlocked.period_start = judged.period_start
        where
            unlocked.state = 'synced'
            and unlocked.published_at is not distinct from judged.published_at
            and not exists (
                select from sync_log as run
                where
                    run.sync_type = p_sync_type
                    and run.period_start = unlocked.period_start
                    and run.sync_status = 'started'
            )
        order by unlocked.period_start
        for update of unlocked skip locked
    ) as free
    where ledger.sync_type = p_sync_type and ledger.period_start = free.period_start;
end
$$;


-- Whether a period has so few rows that it is not complete although it has its ASINs: fewer than half as many as its
-- smallest neighbour. So it is where a connector reads only the first page of each ASIN's report. Rows differ from week to
-- week by a third and more, so more than a half cannot be asked for. Below 20 rows chance alone may halve them.
create or replace function lacks_rows(p_rows bigint, p_rows_around bigint) returns boolean
language sql
immutable
return coalesce(p_rows_around >= 20 and 2 * p_rows < p_rows_around, false);


-- The verdict on a published period. The part of the ASINs that makes it complete is rounded to whole ASINs, so that one
-- that comes and goes does not decide on a small catalogue. A look at the source after its day replaces the checks in a
-- row. As long as nobody has looked, a day that is over proves nothing: more may have arrived.
--   p_is_quiet: so many checks in a row found what is published
--   p_looked_on: the last day on which the source was seen to have what is published
--   p_lacks_rows: see lacks_rows()
create or replace function verdict_on(
    p_found integer,
    p_expected integer,
    p_complete_above numeric,
    p_is_quiet boolean,
    p_expected_by date,
    p_looked_on date,
    p_today date,
    p_lacks_rows boolean
) returns text
language sql
immutable
return case
    when p_expected is null then 'unknown'
    when p_found >= round(p_complete_above * p_expected) and not p_lacks_rows then
        case when p_is_quiet or coalesce(p_looked_on > p_expected_by, false) then 'complete' else 'arriving' end
    when p_today <= p_expected_by then 'arriving'
    else 'late'
end;


-- A day as people say it: Thursday, 2026-11-19.
create or replace function day_in_words(p_day date) returns text
language sql
stable
return to_char(p_day, 'FMDay, YYYY-MM-DD');


-- How many weeks begin between two days.
create or replace function number_of_weeks(p_first date, p_last date) returns integer
language sql
immutable
return (p_last - (p_first + (7 - extract(dow from p_first)::integer) % 7)) / 7 + 1;


-- A number of ASINs as people write it: 1,280.
create or replace function in_words(p_number bigint) returns text
language sql
stable
return to_char(p_number, 'FM999,999,999,990');


-- 1 check, 2 checks.
create or replace function of_checks(p_number integer) returns text
language sql
immutable
return p_number || case p_number when 1 then ' check' else ' checks' end;


-- Why a published period is complete or not.
--   p_rows_expected: about how many rows it should have, if it has its ASINs and lacks rows, else null
create or replace function why_of_verdict(
    p_verdict text,
    p_found integer,
    p_expected integer,
    p_quiet_checks integer,
    p_checks_needed integer,
    p_expected_by date,
    p_today date,
    p_rows bigint,
    p_rows_expected bigint
) returns text
language sql
stable
return case p_verdict
    when 'unknown' then 'Too few other periods are known to say whether it is complete; its rows equal the source''s.'
    when 'complete' then
        format('Equal to the source, with %s of about %s ASINs; ', in_words(p_found), in_words(p_expected))
        || case
            when p_quiet_checks >= p_checks_needed and p_quiet_checks > 0
                then format('%s in a row found nothing new.', of_checks(p_quiet_checks))
            when p_checks_needed = 0 then 'no further check is asked for.'
            else format('its usual day, %s, is over.', day_in_words(p_expected_by))
        end
    else
        initcap(p_verdict)
        || case
            when p_rows_expected is null
                then format(': %s of about %s ASINs; ', in_words(p_found), in_words(p_expected))
            else format(
                ': %s of about %s rows, although it has its ASINs; ', in_words(p_rows), in_words(p_rows_expected)
            )
        end
        || case
            when p_verdict = 'arriving' and p_today > p_expected_by
                then format(
                    'the source has not been checked since its usual day, %s.', day_in_words(p_expected_by)
                )
            when p_verdict = 'arriving' and p_found >= p_expected and p_rows_expected is null
                then format('%s of %s in a row found nothing new.', p_quiet_checks, of_checks(p_checks_needed))
            when p_verdict = 'arriving' then format('usually complete by %s.', day_in_words(p_expected_by))
            else format(
                'usually complete by %s. If the others are gone for good, the %s period without them does not '
                'expect them any more.',
                day_in_words(p_expected_by),
                case when p_rows_expected is null then 'third' else 'second' end
            )
        end
end;


-- Why a month or quarter that is summed from weeks can be trusted or not.
create or replace function why_of_sum(p_published integer, p_total integer, p_trusted integer) returns text
language sql
immutable
return case
    when p_published < p_total then format('Summed from %s of %s weeks.', p_published, p_total)
    when p_trusted < p_total then
        format('Summed from its %s weeks, of which %s can be trusted.', p_total, p_trusted)
    else format('Summed from its %s weeks, which all can be trusted.', p_total)
end;


-- Why nothing is published.
create or replace function why_missing(
    p_unit text, p_verdict text, p_source_rows bigint, p_expected_by date
) returns text
language sql
stable
return case
    when p_source_rows > 0 then
        format('Nothing is published; the source had %s rows at the last check.', in_words(p_source_rows))
    when p_verdict = 'not yet' then
        format('Not there yet, as expected: such a %s is usually complete by %s.', p_unit, day_in_words(p_expected_by))
    when p_expected_by is not null then
        format('Nothing is published; such a %s is usually complete by %s.', p_unit, day_in_words(p_expected_by))
    else 'Nothing is published.'
end;
