"""The guided first run: real datasets, six sessions, one verified model."""
