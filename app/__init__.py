"""Composition root: the only reader of the environment and of the clock."""

from app import kernels

kernels.settle()  # before anything imports numba, which reads it once
