"""Read and write the target: log, ledger, staged tables, checks and alerts. Each class works in one transaction."""
