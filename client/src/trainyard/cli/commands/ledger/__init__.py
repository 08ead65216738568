"""Commands about what sessions held."""
