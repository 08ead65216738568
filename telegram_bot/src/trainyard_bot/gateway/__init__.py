"""The gateway: the public client with a deadline for each call, and its errors for people."""
