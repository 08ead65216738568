"""Bundles of code: contents by hash on the volume, and the folders that sessions mount."""
