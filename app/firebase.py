"""Firebase, wired: ID tokens verified and pushes sent with one service account.

Imported only where `COUDMAIN_FIREBASE_CREDENTIALS` is set: the SDK takes a second to import.
"""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import firebase_admin
from firebase_admin import auth, credentials

from domain.rules.errors import TokenInvalid, Unavailable
from domain.rules.ports import Clock
from notifications.fcm import HTTP_TIMEOUT, FcmSender

SKEW_S: Final = 10  # s a phone's idea of "issued now" may be ahead of ours
CERTIFICATES_AGAIN_S: Final = 5  # s; Google's public keys could not be fetched
LONGEST: Final = 8_192  # characters; an ID token has about 1,000

_opened = count()


class FirebaseTokens:
    """Verifies Firebase ID tokens (`domain.usecases.work.Firebase`)."""

    def __init__(self, app: firebase_admin.App) -> None:
        self._app = app

    def verify(self, id_token: str) -> Mapping[str, Any]:
        """The claims of a token that Google signed for this project; `TokenInvalid` for anything else.

        Blocks while Google's keys are fetched, once a few hours at most; `Unavailable` when that fails.
        """
        if not 0 < len(id_token) <= LONGEST:
            raise TokenInvalid
        try:
            claims: Mapping[str, Any] = auth.verify_id_token(
                id_token, app=self._app, clock_skew_seconds=SKEW_S
            )
        except auth.CertificateFetchError as error:
            raise Unavailable(
                "Google's keys cannot be fetched", retry_after_s=CERTIFICATES_AGAIN_S
            ) from error
        except (auth.InvalidIdTokenError, ValueError) as error:  # expired and revoked ones are invalid ones
            raise TokenInvalid from error
        return claims


def open_firebase(service_account: Path) -> firebase_admin.App:
    """A Firebase app of a service account's key file, with a timeout fit for offers.

    `ValueError` or `OSError` when the file is no key. Each call opens one of its own (the SDK wants their names
    to differ), so that two engines in one process do not meet.
    """
    certificate = credentials.Certificate(str(service_account))
    return firebase_admin.initialize_app(
        certificate, {"httpTimeout": HTTP_TIMEOUT}, name=f"coudmain-{next(_opened)}"
    )


def firebase_pushes(app: firebase_admin.App, clock: Clock, fcm_url: str | None = None) -> FcmSender:
    """The sender of pushes over an app; its `close` ends the app. `fcm_url` replaces Google's address."""
    return FcmSender(app, clock, url=fcm_url)
