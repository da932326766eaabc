-- What nobody should do.
update weekly_summary set total_clicks = total_clicks + 1
where period_start = %(period_start)s and query = %(query)s and asin = %(asin)s
returning total_clicks;
