"""What a session asks for its program."""
