-- What dashboards should read: one row a query, or one row an ASIN, of each period. Amazon repeats the market's counts of
-- a query on the row of each ASIN, so adding them up over rows counts the market once for each ASIN.


-- How a figure is added up over the ASINs of a query, as the text of an expression. The ASINs share the market, the score
-- and the volume: these are taken once, the largest where they disagree. Own medians do not add, so there are none.
create or replace function pg_temp.over_asins(p_name text, p_rule text, p_numerator text, p_denominator text)
returns text
language sql
immutable
return case
    when p_rule = 'sum' then format('sum(%I)::bigint', p_name)
    when p_rule = 'known_sum' then format('max(%I)::bigint', p_name)
    when p_rule in ('min', 'max') then format('%s(%I)::bigint', p_rule, p_name)
    when p_rule = 'rate' then format('rate(sum(%I)::bigint, %s)', p_numerator,
        case when p_denominator like 'total_%' then format('sum(%I)::bigint', p_denominator)
            else format('max(%I)::bigint', p_denominator) end)
    when p_name like 'market_%_price' then format('max(%I)::numeric', p_name)
    when p_name = 'currency' then 'max(currency)::text'
end;


-- The same over the queries of an ASIN: each query has a market of its own, and these add up. One that is not known makes
-- their sum unknown. A sum of scores or medians would say nothing.
create or replace function pg_temp.over_queries(p_name text, p_rule text, p_numerator text, p_denominator text)
returns text
language sql
immutable
return case
    when p_rule = 'sum' then format('sum(%I)::bigint', p_name)
    when p_rule = 'known_sum' then format('case when count(%1$I) = count(*) then sum(%1$I) end::bigint', p_name)
    when p_rule = 'rate' then format('rate(sum(%I)::bigint, %s)', p_numerator,
        case when p_denominator like 'total_%' then format('sum(%I)::bigint', p_denominator)
            else format('case when count(%1$I) = count(*) then sum(%1$I) end::bigint', p_denominator) end)
end;


-- weekly_query, weekly_asin and so on. The calendar is grouped by, so that a filter on it opens only the partitions it
-- needs. A column that is new in the list comes last, because a view can only append.
do $$
declare
    v_type period_type;
    v_key text;
    v_view text;
    v_columns text;
begin
    for v_type in select * from period_type order by step loop
        foreach v_key in array '{query,asin}'::text[] loop
            v_view := v_type.sync_type || '_' || v_key;
            select string_agg(format('%s as %I', expression, name), ', ' order by attnum nulls last, position)
            into v_columns
            from (
                select
                    position,
                    name,
                    case v_key
                        when 'query' then pg_temp.over_asins(name, rule, numerator, denominator)
                        else pg_temp.over_queries(name, rule, numerator, denominator)
                    end as expression
                from summary_figures() with ordinality as f (name, type, rule, numerator, denominator, position)
                union all
                select 0, 'asins', 'count(*)' where v_key = 'query'
                union all
                select 0, 'queries', 'count(*)' where v_key = 'asin'
                union all
                select 100, 'active_weeks', 'max(active_weeks)' where v_type.unit <> 'week'
                union all
                select 101, 'market_disagreements', string_agg(format('(min(%1$I) is distinct from max(%1$I))::integer', name), ' + ')
                from unnest('{market_impressions,market_clicks,market_cart_adds,market_purchases}'::text[]) as name
                where v_key = 'query'
            ) as wanted
            left join pg_attribute on attrelid = to_regclass(v_view) and attname = name
            where expression is not null;
            execute format(
                'create or replace view %I with (security_invoker = true) as
                select period_start, period_end, %s %I, %s from %I group by period_start, period_end, %s %I',
                v_view,
                case when v_type.unit <> 'week' then format('year, %I,', v_type.unit) end,
                v_key,
                v_columns,
                v_type.target_table,
                case when v_type.unit <> 'week' then format('year, %I,', v_type.unit) end,
                v_key
            );
            execute format(
                'comment on view %I is %L',
                v_view,
                case v_key
                    when 'query' then
                        'One row for each query of each period: own counts added up over the ASINs; score, volume and '
                        'the market taken once; rates and shares computed of these. asins: how many rows they come from. '
                        'market_disagreements: for how many of the four market totals the ASINs have different numbers; '
                        'the largest is taken.'
                    else
                        'One row for each ASIN of each period: own counts and market totals added up over its queries; '
                        'rates and shares computed of these. queries: how many rows they come from.'
                end
            );
        end loop;
    end loop;
end
$$;

drop function pg_temp.over_asins, pg_temp.over_queries;
