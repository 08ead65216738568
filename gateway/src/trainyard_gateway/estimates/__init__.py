"""What would become of a session that does not exist yet."""
