"""Parts of a trainer pod: what its program finds there."""
