"""When to leave a carrier alone: it refuses our credentials, or has had enough of us. Pure: time is passed in.

A push that waits for it is not lost: it is tried when the rest is over, if it still has time.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from domain.rules.ports import Push, PushFate, PushResult

EVERYTHING: Final = "*"
ALERT_FIRST_S: Final = 60.0  # one push a minute meets a refusal that only a human can end; doubled at each
ALERT_MOST_S: Final = 900.0
TRIAL_S: Final = 15.0  # longer than any sender waits for an answer (fcm.MOST_S)
QUOTAS_IN_A_ROW: Final = (
    3  # one alone may be a device's own quota, which is no reason to rest from all the others
)


@dataclass
class CarrierRest:
    """What a pusher remembers of its carrier, by platform; `*` is all of it."""

    until: dict[str, datetime] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    quotas: int = 0

    def waits(self, push: Push, now: datetime) -> float:
        """Seconds a push must wait for the carrier; 0: it may go. After a refusal of the credentials one goes first."""
        keys = [key for key in (EVERYTHING, push.platform) if key in self.until]
        wait = max(((self.until[key] - now).total_seconds() for key in keys), default=0.0)
        if wait > 0:
            return wait
        for key in keys:
            if key in self.refusals:  # the first to come tries it; whoever comes next waits for what it hears
                self.until[key] = now + timedelta(seconds=TRIAL_S)
        return 0.0

    def heard(self, push: Push, result: PushResult, now: datetime) -> None:
        """Learn from an answer: a sent push ends every rest, a refusal of the credentials begins a longer one."""
        match result.fate:
            case PushFate.SENT:
                for key in (EVERYTHING, push.platform):
                    self.until.pop(key, None)
                    self.refusals.pop(key, None)
                self.quotas = 0
            case PushFate.ALERT:
                key = push.platform if result.platform_only else EVERYTHING
                self.refusals[key] = self.refusals.get(key, 0) + 1
                rest = min(ALERT_FIRST_S * 2 ** (self.refusals[key] - 1), ALERT_MOST_S)
                self._rest(key, now, rest)
            case PushFate.RETRY if result.retry_after_s is not None:
                self.quotas += 1
                if self.quotas >= QUOTAS_IN_A_ROW:
                    self._rest(EVERYTHING, now, result.retry_after_s)
            case _:
                pass

    def _rest(self, key: str, now: datetime, seconds: float) -> None:
        end = now + timedelta(seconds=seconds)
        self.until[key] = max(end, self.until.get(key, end))

    @property
    def alarmed(self) -> bool:
        """Whether a human must act before pushes go out again, somewhere."""
        return bool(self.refusals)
