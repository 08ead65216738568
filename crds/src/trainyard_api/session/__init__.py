"""TrainingSession as a custom resource, one file for each part."""
