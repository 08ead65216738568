"""What MLflow's clients send and read."""
