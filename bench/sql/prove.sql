-- name: change_rows
-- A click more in some rows, spread over the week as a hash spreads them.
update sqp.weekly_summary as w set total_clicks = w.total_clicks + 1
from (
    select query, asin
    from sqp.weekly_summary
    where period_start = {week}
    order by md5(query || asin)
    limit {rows}
) as chosen
where w.period_start = {week} and w.query = chosen.query and w.asin = chosen.asin;


-- name: analyze
analyze sqp.weekly_summary;
