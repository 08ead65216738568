"""The gateway as the bot sees it: the client with a deadline for each call, and its errors as sentences."""
