"""The folder of all environments on the data volume."""
