"""Limits of users, teams and keys: set, asked at a submission, published for the operator."""
