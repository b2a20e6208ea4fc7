"""The set-up: from a bare machine to everything `./coudmain` needs. Standard library only, safe to repeat.

Each step knows by itself whether it is done, so a set-up with nothing to do takes a fraction of a second.
"""
