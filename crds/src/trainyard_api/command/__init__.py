"""The command of a session: what stands in it for something else."""
