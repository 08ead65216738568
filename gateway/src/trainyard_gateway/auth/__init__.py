"""Authentication: API keys with scopes, stored as hashes, and tokens of pods.

Every attempt is written to the audit log. Guessing is slowed down.
"""
