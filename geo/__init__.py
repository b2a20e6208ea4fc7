"""Places, distances and travel: the pure room at the bottom of the house.

Invariant: nothing here reads a clock, a file, a socket, the environment or global chance. Time comes in as
unix seconds, chance as a `numpy.random.Generator`, a city as arrays (read from OpenStreetMap files by
`app.mapimport`). Deliberately absent: conditional restrictions, slopes, driving
on the left, and shapes that cross the antimeridian in `zones` and `streets` (points, cells and the live index
handle the whole globe).
"""
