"""Leases: the one that this operator holds, and the one that the gateway renews."""
