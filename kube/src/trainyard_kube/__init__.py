"""A small asynchronous Kubernetes client: JSON in, JSON out, and a list-watch that heals itself."""
