"""Users, owners, and who may do what."""
