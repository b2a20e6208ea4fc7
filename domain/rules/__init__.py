"""Pure rules of the house: ids, states, events, errors, pricing, ports. No clock, no environment, no I/O."""
