"""The node that runs without Docker: processes, network, certificates, configuration."""
