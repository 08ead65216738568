"""Values of a column: their forms, the type that follows, and arrays of them."""
