"""Several stops a vehicle: pooled rides, batched parcels, scheduled tours. NumPy and compiled kernels."""
