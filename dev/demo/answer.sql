select verdict, trusted, why
from period_status
where sync_type = 'weekly' and period_start = %(week)s
