-- An earlier demo has published it.
select delete_period('weekly', period_start) as deleted
from synced_period
where sync_type = 'weekly' and period_start = %(week)s and state = 'synced'
