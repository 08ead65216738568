"""Rows of runs and experiments, as MLflow's protocol knows them."""
