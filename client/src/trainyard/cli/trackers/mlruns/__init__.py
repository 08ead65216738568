"""A folder `mlruns`, as MLflow's file store writes it."""
