"""One async function = one use case = one transaction."""
