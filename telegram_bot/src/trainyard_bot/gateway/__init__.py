"""The gateway as the bot sees it: the public client with a deadline for each call, and errors as problems for people."""
