"""The policies a replay knows by name. No solver here: naming them loads nothing that is compiled."""

from dataclasses import replace
from typing import Final

from matching.policy import Policy

PRODUCTION: Final = Policy(version="replay-1", wave_reach_s=())
"""As the dispatcher's own: no reach in the policy, the request's limit holds."""
FAIR_S: Final = 60.0
"""s per standard deviation: the weight that the fairness term was first studied at."""
ANTICIPATION: Final = 0.25
"""s per second of earning: tuned on San Francisco's 2008-05-17 to 19 (0.15 to 2 were tried)."""

POLICIES: Final[dict[str, Policy | None]] = {
    "batch": PRODUCTION,
    "nearest": None,  # no weights: first come, first served, the nearest free car
    "fair": replace(PRODUCTION, version="replay-fair-1", fairness_s=FAIR_S),
    "anticipate": replace(PRODUCTION, version="replay-anticipate-1", anticipation=ANTICIPATION),
}
"""By name, the policy that the production solver runs under."""
