"""What would have been: recorded demand under another policy, and stored rounds under other weights.

A day, a fleet and a way of deciding go in; who was served, when, by whom and at what cost comes out. Cars live
in arrays on a flat city; the deciding is the production solver's, or the nearest car's to compare with.

Invariant: every request is served or lost, once; a car is in one place at a time; the same seed gives the same
day. Absent: what is not in a recording: who would have declined or cancelled, and when a hailed cab was first
wanted (the pick-up stands for the request).
"""
