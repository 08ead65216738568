"""Other trackers: what the gateway has for TensorBoard, and what MLflow has for the gateway."""
