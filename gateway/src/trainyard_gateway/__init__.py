"""The REST API: training sessions, metrics, logs, models, datasets and keys over HTTP."""
