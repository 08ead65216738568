"""Rows of datasets, models and multipart uploads."""
