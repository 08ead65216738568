"""A real single-node Kubernetes for one Linux machine, without Docker."""
