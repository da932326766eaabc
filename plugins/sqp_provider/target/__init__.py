"""Read and write the target: log, ledger, staged tables, checks and alerts, inside one transaction each."""
