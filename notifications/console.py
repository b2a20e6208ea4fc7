"""The sender of a development installation: what it "sent" is read at `GET /v1/dev/outbox?to=<phone>`."""

from domain.rules.ports import Push, PushFate, PushResult
from domain.usecases.pushes import keep_sent
from domain.usecases.work import ENGINE, Tools, working


class ConsoleSender:
    """Carries a push to the outbox of a phone number. Outside development it carries nothing, and says so."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def send(self, push: Push) -> PushResult:
        """Keep it; the newest fifty of a number stay."""
        if not self._tools.development:
            return PushResult(PushFate.REFUSED, "no carrier of pushes is configured")
        async with working(self._tools, ENGINE) as work:
            await keep_sent(work, to=push.to, body=_body(push), data=dict(push.data))
        return PushResult(PushFate.SENT, "console")

    async def close(self) -> None:
        """Nothing is held."""


def _body(push: Push) -> str:
    return f"{push.title}: {push.body}" if push.title else ""
