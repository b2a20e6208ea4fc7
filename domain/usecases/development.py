"""What helps a developer, and exists in development alone."""

from collections.abc import Sequence

from domain.rules.errors import Invalid, NotFound
from domain.rules.phones import read_phone
from domain.store import accounts as store
from domain.store import catalogue
from domain.store.tables import Account, SentMessage
from domain.usecases.work import Work

MOST_SHOWN = 100


def _only_in_development(work: Work) -> None:
    if not work.tools.development:
        raise NotFound


async def outbox(work: Work, to: str | None) -> Sequence[SentMessage]:
    """What the console sender sent, newest first. A `+` that a query made a space is put back."""
    _only_in_development(work)
    try:
        number = None if to is None else read_phone("+" + to.strip() if to.startswith(" ") else to)
    except Invalid:
        return []  # nothing was ever sent to what is no number
    return await store.sent_to(work.db, number, MOST_SHOWN)


async def make_ops(work: Work, phone: str, markets: Sequence[str] | None = None) -> Account:
    """Make the account of a phone ops staff, of some markets or of all; it is made if it has not signed in yet."""
    _only_in_development(work)
    for slug in markets or ():
        await catalogue.market(work.db, slug)
    account = await store.account_with_phone(
        work.db, new_id=work.new_id(), phone=read_phone(phone), language=work.actor.language, now=work.now
    )
    account.is_ops, account.ops_markets = True, None if markets is None else sorted(set(markets))
    return account
