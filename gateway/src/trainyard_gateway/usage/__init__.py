"""Who used how much: answers from the ledger, as JSON, CSV and metrics."""
