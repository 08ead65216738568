"""What is in a dataset, and what a user decides about its reading."""
