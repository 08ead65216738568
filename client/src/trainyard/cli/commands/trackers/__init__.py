"""Commands about other trackers: TensorBoard and MLflow."""
