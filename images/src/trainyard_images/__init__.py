"""Builds the four container images with docker or buildah, with or without a registry."""
