"""Teams of sessions."""
