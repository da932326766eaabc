-- The owner of a schema is a feed of an Airflow. In a schema of an earlier state of this code the column may be there.
alter table schema_state add column if not exists feed text;

comment on table schema_state is
'Which files of sql/schema are in force, and which Airflow and feed this schema belongs to. "sqp take-over" changes both.';
