-- When what happened to a run, from Airflow's metadata database.


-- name: run
select queued_at from dag_run where dag_id = %(dag_id)s and run_id = %(run_id)s;


-- name: tasks
select task_id, queued_dttm as queued_at, start_date as started_at, end_date as ended_at
from task_instance
where dag_id = %(dag_id)s and run_id = %(run_id)s;
