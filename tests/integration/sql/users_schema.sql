-- A database as a seller's dashboard has it before the specification: plain tables with columns of their own, views over
-- views, and all that others have hung on them. Written for these tests.

do $$
declare
    v_role text;
begin
    foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
        if not exists (select from pg_roles where rolname = v_role) then
            execute format('create role %I nologin', v_role);
        end if;
    end loop;
end
$$;

create schema sqp;
set search_path = sqp;

create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;

create table weekly_summary (
    id bigserial primary key,
    period_start date not null,
    period_end date not null,
    query text not null,
    asin varchar(10) not null,
    total_impressions integer not null default 0,
    total_clicks integer not null default 0,
    total_cart_adds integer not null default 0,
    total_purchases integer not null default 0,
    avg_ctr numeric(10, 6),
    avg_cvr numeric(5, 4),
    purchases_per_impression numeric(10, 6) default 0,
    impression_share numeric(5, 4),
    click_share double precision,
    purchase_share numeric(5, 4),
    min_impressions integer,
    max_impressions integer,
    avg_impressions numeric(12, 2),
    stddev_impressions numeric(12, 2),
    query_words integer generated always as (array_length(string_to_array(query, ' '), 1)) stored,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (period_start, query, asin)
);

create table monthly_summary (
    id bigserial primary key,
    period_start date not null,
    period_end date not null,
    year integer not null,
    month integer not null check (month between 1 and 12),
    query text not null,
    asin varchar(10) not null,
    total_impressions integer not null default 0,
    total_clicks integer not null default 0,
    total_cart_adds integer not null default 0,
    total_purchases integer not null default 0,
    avg_ctr numeric(10, 6),
    avg_cvr numeric(5, 4),
    impression_share numeric(5, 4),
    click_share double precision,
    purchase_share numeric(5, 4),
    active_weeks integer,
    min_impressions integer,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (year, month, query, asin)
);

create table quarterly_summary (
    like monthly_summary including defaults,
    quarter integer not null,
    active_months integer,
    primary key (id),
    unique (year, quarter, query, asin)
);

alter table quarterly_summary drop column month;

create table yearly_summary (
    like quarterly_summary including defaults,
    primary key (id),
    unique (year, query, asin)
);

create index on weekly_summary (asin, period_start);
create index on weekly_summary (lower(query));

create table notes (
    id bigserial primary key,
    weekly_id bigint references weekly_summary (id),
    note text
);

create trigger touch before update on weekly_summary for each row execute function touch();

-- Weeks of the running quarter, and months and a quarter that some other program made of them.
insert into weekly_summary (period_start, period_end, query, asin, total_impressions, total_clicks, total_purchases, avg_ctr, updated_at)
select week, week + 6, 'query ' || i, 'B00000000' || i % 3, 1000 * i, 10 * i, i, 0.01, '2026-11-20'
from unnest(array['2026-10-25', '2026-11-01', '2026-11-08']::date[]) as week, generate_series(1, 6) as i;

insert into monthly_summary (period_start, period_end, year, month, query, asin, total_impressions, total_clicks, total_purchases)
select month, (month + interval '1 month')::date - 1, 2026, extract(month from month), query, asin, sum(total_impressions), sum(total_clicks), 7
from weekly_summary, lateral (select date_trunc('month', period_start)::date as month) as m
group by month, query, asin;

insert into quarterly_summary (period_start, period_end, year, quarter, query, asin, total_impressions, total_clicks)
select '2026-10-01', '2026-12-31', 2026, 4, query, asin, 5, 1 from monthly_summary where month = 10;

insert into notes (weekly_id, note) select id, 'best' from weekly_summary where query = 'query 1';

create materialized view top_queries as
select query, sum(total_purchases) as purchases, max(avg_ctr) as ctr from weekly_summary group by query;
create unique index on top_queries (query);

create materialized view asin_performance as
select asin, sum(total_impressions) as impressions, avg(impression_share) as share from weekly_summary group by asin;

create materialized view month_by_month as
select year, month, sum(total_clicks) as clicks, sum(total_purchases) as purchases from monthly_summary group by year, month;

create materialized view quarter_totals as
select year, quarter, sum(total_impressions) as impressions from quarterly_summary group by year, quarter;

create materialized view movers as
select query, asin, total_clicks - lag(total_clicks) over (partition by query, asin order by period_start) as change
from weekly_summary;

create materialized view best_of_top as
select query from top_queries where purchases > 3;

create view public.weekly as select * from weekly_summary;
create view public.weekly_rates as select id, query, avg_ctr, avg_cvr, impression_share, click_share from public.weekly;
create view public.months as select * from monthly_summary;
create view public.month_rows as select count(*) as number from public.months;
create view public.quarters as select * from quarterly_summary;
create view public.years as select * from yearly_summary;
create view public.purchases_by_asin as select asin, sum(total_purchases) as purchases from weekly_summary group by asin;

do $$
begin
    for i in 1..17 loop
        execute format(
            'create view public.dashboard_%s as
            select w.period_start, w.query, w.total_clicks, w.avg_ctr + %s as ctr, m.total_clicks as of_the_month
            from sqp.weekly_summary as w
            left join sqp.monthly_summary as m
                on m.query = w.query and m.asin = w.asin and m.month = extract(month from w.period_start)
            where w.total_impressions > %s',
            i, i, i * 100
        );
    end loop;
end
$$;

alter table weekly_summary enable row level security;
create policy readers on weekly_summary for select to anon, authenticated using (asin <> 'B000000002');
grant usage on schema sqp to anon, authenticated, service_role;
grant select on weekly_summary, monthly_summary, quarterly_summary to anon, authenticated;
grant all on all tables in schema sqp to service_role;
grant select (query, total_clicks) on yearly_summary to anon;

create publication dashboards for table weekly_summary, monthly_summary;

reset search_path;
