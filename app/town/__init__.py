"""A living town: simulated phones that use the public API and its sockets, and nothing else of the engine.

A separate process. It shares the city's map with the engine as a phone shares it with a server: each has its own copy.
"""
