"""Kubernetes objects: what they are (`model`), how their JSON is read (`parse`), where they are kept (`store`)."""
