"""Users, teams, and what they may do with the objects of the gateway."""
