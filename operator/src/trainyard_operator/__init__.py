"""Makes the cluster match each TrainingSession and tells the truth in its status."""
