"""Logins of command lines by single sign-on."""
