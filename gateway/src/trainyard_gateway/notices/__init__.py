"""Notices: rules of users and teams, and their delivery to webhooks and services."""
