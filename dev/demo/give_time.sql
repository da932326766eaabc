-- On a Saturday the newest week that is over ended a week ago, a day more than a week is given by default.
update period_type set delay_days = delay_days + %(days)s
where sync_type = 'weekly'
returning delay_days
