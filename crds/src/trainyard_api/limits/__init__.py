"""Limits of users, teams and keys: GPUs at once, and budgets of GPU-hours."""
