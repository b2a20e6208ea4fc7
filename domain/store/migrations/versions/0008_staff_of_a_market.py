"""Which markets an account of the ops staff oversees: null is all of them, as it was before.

Nullable, so that the old version goes on inserting; it makes staff of every market, as it always did.

Revision: 0008
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("ops_markets", postgresql.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("accounts", "ops_markets")
