"""What is seen of the house from outside: its numbers, their door, and how its log is written.

Labels name kinds and markets, never a person, a row or an address: there are few of them, whatever happens.
"""
