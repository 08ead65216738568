"""Datasets and models: files on the volume, rows in the database. The row comes last; what has no row does not exist."""
