"""Who somebody is: one-time codes, tokens that rotate, tickets for sockets.

A wrong code must be counted although it is refused, so a sign-in takes two transactions, both committed by
the edge: `take_a_try`, then `sign_in_with_code`. Likewise `refresh`, and `end_reused_family` if it says so.
"""

import asyncio
import base64
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from domain.rules.errors import (
    ChallengeOver,
    Invalid,
    Suspended,
    TokenExpired,
    TokenInvalid,
    TokenReused,
    TooMany,
    WrongCode,
)
from domain.rules.phones import read_phone
from domain.rules.tokens import (
    SECRET_BYTES,
    Claims,
    digest,
    mint_access,
    one_time_code,
    read_access,
    read_refresh,
    same,
    write_refresh,
)
from domain.store import accounts as store
from domain.store.tables import Account, Challenge, SentMessage, TokenFamily, WsTicket
from domain.usecases.access import require_account
from domain.usecases.work import Actor, Work

log = logging.getLogger("coudmain.identity")

OTP_WINDOW: Final = timedelta(minutes=10)  # over which `Knobs.otp_per_phone` counts
OUTBOX_KEPT: Final = timedelta(hours=1)
CODE_WORDS: Final = {
    "fr": "Coudmain : votre code est {code}. Il est valable {minutes} minutes ; ne le donnez à personne.",
    "en": "Coudmain: your code is {code}. It is valid for {minutes} minutes; give it to nobody.",
}


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in's tokens. `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Ticket:
    """A single-use key to the socket, for browsers. `expires_in` seconds."""

    ticket: str
    expires_in: int


async def send_code(work: Work, phone: str) -> Challenge:
    """Send a six-digit code to a phone; `TooMany` past `Knobs.otp_per_phone` in ten minutes."""
    number = read_phone(phone)
    await store.lock_phone(work.db, number)
    sent = await store.challenges_since(work.db, number, work.now - OTP_WINDOW)
    if len(sent) >= work.knobs.otp_per_phone:
        wait = (sent[-work.knobs.otp_per_phone] + OTP_WINDOW - work.now).total_seconds()
        raise TooMany(
            "too many codes for this number; wait a little",
            retry_after_s=wait,
            policy="codes_per_phone",
            limit=work.knobs.otp_per_phone,
            window_s=int(OTP_WINDOW.total_seconds()),
        )
    challenge_id, code = work.new_id(), one_time_code(work.tools.entropy(8))
    challenge = Challenge(
        id=challenge_id,
        phone=number,
        code_hash=_code_hash(work, challenge_id, code),
        tries=0,
        expires_at=work.after(work.knobs.otp_ttl),
        created_at=work.now,
    )
    work.db.add(challenge)
    await _carry(work, challenge, code)
    return challenge


async def _carry(work: Work, challenge: Challenge, code: str) -> None:
    """Hand the code to its carrier: in development the console's outbox. No other carrier is configured yet."""
    if not work.tools.development:
        log.warning("no SMS carrier is configured: a one-time code was not sent")
        return
    minutes = work.knobs.otp_ttl // 60
    body = CODE_WORDS.get(work.actor.language, CODE_WORDS["en"]).format(code=code, minutes=minutes)
    await store.forget_sent(work.db, challenge.phone, work.now - OUTBOX_KEPT)
    work.db.add(
        SentMessage(
            id=work.new_id(),
            to=challenge.phone,
            kind="otp",
            body=body,
            data={"code": code, "challenge_id": str(challenge.id)},
            at=work.now,
        )
    )


async def take_a_try(work: Work, challenge_id: UUID) -> Challenge:
    """Count a try before judging it, so that no number of parallel guesses is more than five.

    `ChallengeOver` when it was used, has expired, had its five tries, or never was: these look the same.
    """
    challenge = await store.take_try(work.db, challenge_id, most=work.knobs.otp_tries, now=work.now)
    if challenge is None:
        raise ChallengeOver
    return challenge


async def sign_in_with_code(work: Work, challenge: Challenge, code: str) -> Session:
    """Judge a code whose try was counted; the first sign-in of a number makes its account."""
    if not same(challenge.code_hash, _code_hash(work, challenge.id, code)):
        raise WrongCode(tries_left=max(0, work.knobs.otp_tries - challenge.tries))
    if not await store.use_challenge(work.db, challenge.id, work.now):
        raise ChallengeOver
    account = await store.account_with_phone(
        work.db, new_id=work.new_id(), phone=challenge.phone, language=work.actor.language, now=work.now
    )
    return await _open_session(work, account)


async def sign_in_with_firebase(work: Work, id_token: str) -> Session:
    """Sign in with a Firebase ID token; its verified phone number finds an account that used codes before."""
    firebase = work.tools.firebase
    if firebase is None:
        raise Invalid.field(
            "/firebase_id_token",
            "this installation does not sign in with Firebase",
            "cette installation ne connaît pas Firebase",
        )
    claims = await asyncio.to_thread(firebase.verify, id_token)  # may fetch Google's keys
    uid, phone = str(claims["uid"]), claims.get("phone_number")
    account = await store.account_of_firebase(work.db, uid)
    if account is None and phone:
        account = await store.account_with_phone(
            work.db,
            new_id=work.new_id(),
            phone=read_phone(str(phone)),
            language=work.actor.language,
            now=work.now,
        )
        account.firebase_uid = uid
    if account is None:
        account = await store.account_with_firebase(
            work.db, new_id=work.new_id(), uid=uid, language=work.actor.language, now=work.now
        )
    return await _open_session(work, account)


async def refresh(work: Work, token: str) -> Session:
    """Trade a refresh token for new ones. `TokenReused`: somebody else holds a copy, the family must end."""
    family_id = read_refresh(work.tools.secrets.hashes, token)
    new = _new_refresh(work, family_id)
    account_id = await store.rotate(
        work.db,
        family_id,
        seen=_token_hash(work, token),
        new=_token_hash(work, new),
        now=work.now,
        expires_at=work.after(work.knobs.refresh_ttl),
    )
    if account_id is None:
        raise await _why_not(work, family_id)
    account = await store.account(work.db, account_id)
    if account is None or account.suspended_at is not None:
        raise Suspended
    return _session(work, account.id, family_id, new)


async def _why_not(work: Work, family_id: UUID) -> TokenInvalid | TokenExpired | TokenReused:
    family = await store.family(work.db, family_id)
    if family is None:
        return TokenInvalid()
    if family.revoked_at is not None:
        return TokenReused() if family.revoked_why == "reused" else TokenInvalid("this sign-in has ended")
    return TokenExpired() if family.expires_at <= work.now else TokenReused()


async def end_reused_family(work: Work, token: str) -> None:
    """A token came back after its successor was made: whoever holds the family, it ends."""
    family_id = read_refresh(work.tools.secrets.hashes, token)
    await store.end_family(work.db, family_id, why="reused", now=work.now)
    work.signal(f"signed_out.{family_id}")


async def sign_out(work: Work, device_id: str | None = None) -> None:
    """End this sign-in at once; no more pushes to the device, when it is named."""
    account_id = require_account(work.actor)
    if work.actor.family_id is not None:
        await store.end_family(work.db, work.actor.family_id, why="signed out", now=work.now)
        work.signal(f"signed_out.{work.actor.family_id}")
    if device_id is not None:
        await store.drop_device(work.db, account_id, device_id)


async def authenticate(work: Work, access_token: str) -> Actor:
    """Who holds an access token; `TokenInvalid`, `TokenExpired` or `Suspended`."""
    return await actor_of(work, read_access(work.tools.secrets.tokens, access_token, work.now))


async def actor_of(work: Work, claims: Claims) -> Actor:
    """The account behind a token whose sign-in still lives: signing out and suspension cut at once."""
    return await _actor(work, claims.account_id, claims.family_id)


async def as_of_now(work: Work) -> Actor:
    """The actor as they are now, where one was believed a while ago: their role may have changed, and `TokenInvalid` or
    `Suspended` say that the sign-in has ended."""
    if work.actor.family_id is None:
        return work.actor
    return await _actor(work, work.actor.id, work.actor.family_id)


async def issue_ticket(work: Work) -> Ticket:
    """A ticket for a browser's socket, since a browser cannot set headers on an upgrade."""
    account_id, family_id = require_account(work.actor), work.actor.family_id
    if family_id is None:
        raise TokenInvalid
    ticket = _secret(work)
    work.db.add(
        WsTicket(
            ticket_hash=_token_hash(work, ticket),
            account_id=account_id,
            family_id=family_id,
            expires_at=work.after(work.knobs.ticket_ttl),
        )
    )
    return Ticket(ticket, work.knobs.ticket_ttl)


async def redeem_ticket(work: Work, ticket: str) -> Actor:
    """Spend a ticket; it is gone once this transaction commits, good or late. `TokenInvalid`, `TokenExpired`."""
    found = await store.take_ticket(work.db, _token_hash(work, ticket))
    if found is None:
        raise TokenInvalid
    account_id, family_id, expires_at = found
    if expires_at <= work.now:
        raise TokenExpired
    return await _actor(work, account_id, family_id)


async def _actor(work: Work, account_id: UUID, family_id: UUID) -> Actor:
    account = await store.account_of_session(work.db, account_id, family_id, work.now)
    if account is None:
        known = await store.account(work.db, account_id)
        if known is not None and known.suspended_at is not None:
            raise Suspended
        raise TokenInvalid("this sign-in has ended")
    if account.suspended_at is not None:
        raise Suspended
    return Actor(
        account_id=account.id,
        is_ops=account.is_ops,
        ops_markets=None if account.ops_markets is None else frozenset(account.ops_markets),
        language=account.language,
        family_id=family_id,
    )


async def _open_session(work: Work, account: Account) -> Session:
    if account.suspended_at is not None:
        raise Suspended
    family_id = work.new_id()
    token = _new_refresh(work, family_id)
    work.db.add(
        TokenFamily(
            id=family_id,
            account_id=account.id,
            current_hash=_token_hash(work, token),
            expires_at=work.after(work.knobs.refresh_ttl),
            created_at=work.now,
        )
    )
    return _session(work, account.id, family_id, token)


def _session(work: Work, account_id: UUID, family_id: UUID, refresh_token: str) -> Session:
    issued = int(work.now.timestamp())
    claims = Claims(
        account_id=account_id,
        family_id=family_id,
        issued_at=issued,
        expires_at=issued + work.knobs.access_ttl,
        token_id=work.new_id(),
    )
    access = mint_access(work.tools.secrets.tokens, claims)
    return Session(access, refresh_token, work.knobs.access_ttl, account_id)


def _secret(work: Work) -> str:
    return base64.urlsafe_b64encode(work.tools.entropy(SECRET_BYTES)).decode().rstrip("=")


def _new_refresh(work: Work, family_id: UUID) -> str:
    return write_refresh(work.tools.secrets.hashes, family_id, _secret(work))


def _token_hash(work: Work, token: str) -> str:
    return digest(work.tools.secrets.hashes, "token:" + token)


def _code_hash(work: Work, challenge_id: UUID, code: str) -> str:
    return digest(work.tools.secrets.hashes, f"code:{challenge_id}:{code}")
