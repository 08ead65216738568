"""Backup and restore of database and files, as one archive, while the gateway runs."""
