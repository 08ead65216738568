"""MLflow's protocol: runs, experiments, artifacts and models, for programs that report to it."""
