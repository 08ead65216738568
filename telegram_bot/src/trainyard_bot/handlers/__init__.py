"""What answers each command and each button."""
