"""Who is offered what, and why.

A frozen `Problem` goes in, a `Result` with a reason for everyone comes out. Nothing here reads a clock, the
environment or chance: the same problem and seed give the same answer, so a stored round can be replayed and
explained years later.

Invariant: nothing in this package knows how often a person declined. There is no field to put it in, and
`policy.ALLOWED_FEATURES` lists all that a cost may read of a provider.
"""
