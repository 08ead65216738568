"""Sessions: a cache of those in the cluster, the history of the others, and their status."""
