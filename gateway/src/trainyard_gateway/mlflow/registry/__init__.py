"""MLflow's model registry: names, aliases, tags and stages of the versions in the registry."""
