"""The operator's decisions, as pure functions of frozen values: no clock, no I/O, no framework."""
