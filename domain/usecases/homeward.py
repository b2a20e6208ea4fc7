"""On the way home: only work that ends nearer to a place than one is. The place is the provider's own business.

It is kept on the session on duty, leaves with it, and stands in no event, answer or stored round.
"""

from domain.rules.errors import NotOnDuty, TooMany
from domain.rules.rounds import read_round_settings
from domain.store import catalogue, homeward
from domain.store import duty as store
from domain.usecases.access import require_account
from domain.usecases.work import Work
from geo.points import LatLng

DAY_S = 86_400


async def head(work: Work, towards: LatLng | None) -> None:
    """Take only work on the way to a place from now on; `None`: any work again.

    Another place counts as one more use of the day; `TooMany` when the market's number is used up, and nothing
    changes. `NotOnDuty` without a session.
    """
    session = await store.open_session(work.db, require_account(work.actor))
    if session is None:
        raise NotOnDuty
    before = None if session.towards_lat is None else (session.towards_lat, session.towards_lon)
    after = None if towards is None else (towards.lat, towards.lon)
    if after is not None and after != before:
        market = await catalogue.market(work.db, session.market_id)
        most = read_round_settings(market.settings).homeward_a_day
        if not await homeward.use(work.db, session.account_id, market.timezone, work.now, most):
            raise TooMany(
                f"the way home may be asked for {most} times a day",
                retry_after_s=DAY_S,
                policy="homeward",
                limit=most,
                window_s=DAY_S,
            )
    session.towards_lat, session.towards_lon = after or (None, None)
    await work.db.flush()
    work.signal(f"wake.dispatch.{session.market_id}")
