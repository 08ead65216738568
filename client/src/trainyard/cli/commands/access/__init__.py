"""Who may call: keys, users and teams."""
