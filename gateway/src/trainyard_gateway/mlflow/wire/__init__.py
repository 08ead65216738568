"""What MLflow's clients send and read, without what is done about it."""
