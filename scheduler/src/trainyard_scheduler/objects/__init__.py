"""Kubernetes objects: their types, their JSON, and the store that keeps them."""
