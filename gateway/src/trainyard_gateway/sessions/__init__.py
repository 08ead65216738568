"""Sessions: the cluster's truth cached, its history kept, its status told."""
