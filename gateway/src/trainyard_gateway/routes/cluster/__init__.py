"""The cluster: its nodes and its queues."""
