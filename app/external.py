"""A PostgreSQL of the operator's: looked at first of all, so that what is wrong with it is told in one line."""

import os
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.database import open_database
from app.settings import SettingsError

OLDEST: Final = 15
EXTENSIONS: Final = ("postgis", "btree_gist")

LOOK: Final = """
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
       current_setting('transaction_read_only') = 'on', array(SELECT name::text FROM pg_available_extensions)
"""


class DatabaseUnfit(SettingsError):
    """The engine cannot live in this database; the message says what to do about it."""


async def require_fit(url: str) -> None:
    """Connect once and look; raises `DatabaseUnfit`. Whether its user may do all that is wanted shows later."""
    database = open_database(url, 1)
    try:
        async with database.connect() as connection:
            found = (await connection.exec_driver_sql(LOOK)).one()
    except (SQLAlchemyError, OSError) as error:
        place = make_url(url).set(drivername="postgresql", query={}).render_as_string(hide_password=True)
        raise DatabaseUnfit(f"DATABASE_URL ({place}): {in_words(error)}") from error
    finally:
        await database.dispose()
    version, encoding, reads_only, available = tuple(found)
    if version < OLDEST:
        raise DatabaseUnfit(f"DATABASE_URL is a PostgreSQL {version}; {OLDEST} or newer is needed")
    if reads_only:
        raise DatabaseUnfit("DATABASE_URL can only be read (is it a standby?); the engine writes")
    if encoding != "UTF8":
        raise DatabaseUnfit(
            f"DATABASE_URL keeps its text in {encoding}; make a database with ENCODING 'UTF8'"
        )
    if lacking := [name for name in EXTENSIONS if name not in available]:
        packages = f"on Debian postgresql-{version}-postgis-3 and postgresql-contrib have them"
        raise DatabaseUnfit(f"DATABASE_URL's server has no extension {' and '.join(lacking)}; {packages}")


def in_words(error: BaseException) -> str:
    """What the server or the network said, without the layers it came through."""
    while (deeper := getattr(error, "orig", None) or error.__cause__) is not None:
        error = deeper
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return " ".join(str(error).split()) or type(error).__name__
