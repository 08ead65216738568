"""Delivery to the services that Apprise knows, one process for each try."""
