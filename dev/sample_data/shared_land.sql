-- What a feed's own table of reports has, with what tells it apart from the others.
insert into `{table}`
select *, {values}
from `{report}`
