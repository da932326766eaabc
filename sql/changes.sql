{# The rows of a snapshot that a published period lacks, by their hashes. One text has all hashes, as a list of tens of
   thousands of parameters is slow to send and to read. Parameter: @hashes, '12,7,345'. #}
create or replace table `{{ changes }}`
options (
    expiration_timestamp = timestamp_add(current_timestamp(), interval {{ snapshot_hours }} hour),
    description = 'rows of an SQP snapshot that a published period lacks'
) as
select *
from `{{ snapshot }}`
where reject_reason is null and row_hash in (select cast(asked as int64) from unnest(split(@hashes, ',')) as asked)
