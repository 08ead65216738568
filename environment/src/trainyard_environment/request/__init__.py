"""What is asked for: lists of requirements, files of a bundle, and the check that all pass."""
