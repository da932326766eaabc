{# Which of some files are in a table of landings already. The bound on the date lets BigQuery answer where the table
   requires a partition filter. #}
select
    source_sha256,
    any_value(source_file) as source_file,
    any_value(asin) as asin,
    any_value(marketplace_id) as marketplace_id,
    any_value(report_period) as report_period,
    max(ingested_at) as ingested_at
from `{{ table }}`
where start_date >= date '1900-01-01' and source_sha256 in unnest(@files)
group by source_sha256
