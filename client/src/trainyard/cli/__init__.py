"""The `trainyard` command line; needs `pip install 'trainyard[cli]'`."""
