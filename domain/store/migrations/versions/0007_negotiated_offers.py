"""An index of what people proposed and countered, by provider: the order of proposals looks at it.

Revision: 0007
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_offers_negotiated",
        "offers",
        ["provider_id", "origin", "created_at"],
        postgresql_where=sa.text("origin <> 'dispatch'"),
    )


def downgrade() -> None:
    op.drop_index("ix_offers_negotiated", table_name="offers")
