-- Two checks on one day count as one, so the last one becomes yesterday's.
update source_period set seen_at = seen_at - interval '1 day'
where sync_type = 'weekly' and period_start = %(week)s
returning seen_at
