-- A table for the reports of several feeds, with the columns that tell them apart; empty.
create or replace table `{table}`
partition by start_date
cluster by {columns}
as
select *, {values}
from `{report}`
where false
