{% from "macros.sql" import bucket %}
{# The clean rows of a snapshot in 4,096 buckets, by the first three digits of a hash of the key: how many rows a bucket has, and
   the hash of all of them. Two sides whose buckets are equal have equal rows; where one differs, its rows are read. #}
select
    {{ bucket() }} as bucket,
    count(*) as row_count,
    bit_xor(row_hash) as row_hash
from `{{ snapshot }}`
where reject_reason is null
group by bucket
