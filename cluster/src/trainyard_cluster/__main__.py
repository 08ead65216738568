"""`python -m trainyard_cluster`."""

from trainyard_cluster.cli import app

app(prog_name="trainyard_cluster")
