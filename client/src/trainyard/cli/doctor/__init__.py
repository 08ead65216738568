"""What `trainyard doctor` checks, with the help of kubectl."""
