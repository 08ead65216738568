"""What happens to a session, told while it happens."""
