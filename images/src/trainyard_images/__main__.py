"""`python -m trainyard_images`."""

from trainyard_images.cli import app

app(prog_name="trainyard_images")
