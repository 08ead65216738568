"""The `trainyard` command line: a client of the gateway for people; needs `pip install 'trainyard[cli]'`."""
