"""What the cluster's nodes and GPUs are used for, and the program that measures a node."""
