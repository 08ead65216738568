"""The REST door: training sessions, metrics, logs, models, datasets and keys over HTTP."""
