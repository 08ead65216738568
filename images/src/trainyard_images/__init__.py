"""Builds the four container images with docker or buildah, with a registry at hand or without."""
