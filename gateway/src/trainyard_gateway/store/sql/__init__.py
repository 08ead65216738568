"""SQL helpers: compiled statements, bulk inserts, savepoints, dialects."""
