-- The rows of one feed go before they land anew.
delete from `{table}`
where {conditions}
