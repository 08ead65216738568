"""Makes the folder of an environment."""
