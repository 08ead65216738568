"""Several processes: their start, collective operations and batch normalisation."""
