"""Takes the status that programs report by HTTP, as Kubeflow's trainer does, on the loopback."""
