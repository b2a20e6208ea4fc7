"""Benchmarks: what the engine costs, each figure beside a bare peer measured in the same run on the same machine.

A figure alone says more of the machine than of the engine; the ratio to the peer travels.
"""
