"""Who may call: API keys, and logins of browsers."""
