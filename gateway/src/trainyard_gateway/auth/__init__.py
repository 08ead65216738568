"""Who may come in: API keys with scopes, kept as hashes; every attempt written down; guessing slowed down."""
