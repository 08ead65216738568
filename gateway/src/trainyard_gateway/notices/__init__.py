"""Notices: rules of users about sessions, and their delivery to webhooks."""
