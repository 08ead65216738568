"""Reads datasets, for gateway, trainer and prediction alike.

`formats` names the format of a file. `inspection` reads a file once and finds its schema
(`trainyard_api.datasets.schema`). `tables`, `arrays`, `images` and `texts` read values as a schema
says. Nothing here writes a log, opens a connection or unpickles.
"""
