"""The core: rules (pure), store (the only SQL), use cases (one function, one transaction)."""
