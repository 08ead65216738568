"""The ledger: what each attempt of each session held, and what is summed from it."""
