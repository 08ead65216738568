"""TrainingQueues as the API shows them."""
