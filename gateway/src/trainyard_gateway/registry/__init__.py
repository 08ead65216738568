"""Datasets and models: files on the volume, rows in the database.

The row is written last: a file without a row does not exist for the API.
"""
