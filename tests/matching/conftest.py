"""How the properties of this room are tried."""

from hypothesis import settings

settings.register_profile("matching", deadline=None)  # a busy machine is no failure
settings.load_profile("matching")
