"""The CRDs, their schema and their reference page, rendered from the models."""
