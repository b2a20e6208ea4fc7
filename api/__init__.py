"""HTTP edge: parse, call one use case, answer. One resource per file."""
