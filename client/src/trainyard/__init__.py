"""Python client, command line and reporting API of Trainyard."""
