"""Work that waits for the end of other work: what an offer and an engagement come after, and since when it no longer
waits.

The version before knows none of it and writes nulls. It reads a waiting engagement as work agreed for later, which
takes nobody's attention yet; that is why such a row is not `exclusive`, and why the guard on exclusive work stays as
it is.

Revision: 0009
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

WAITING = "after_id IS NOT NULL AND state = 'confirmed'"


def upgrade() -> None:
    op.add_column("offers", sa.Column("after_id", sa.Uuid(), nullable=True))
    op.add_column("engagements", sa.Column("after_id", sa.Uuid(), nullable=True))
    op.add_column("engagements", sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=True))
    for column, name in (("provider_id", "provider"), ("after_id", "after")):
        op.create_index(
            f"uq_engagements_waiting_{name}",
            "engagements",
            [column],
            unique=True,
            postgresql_where=sa.text(WAITING),
        )


def downgrade() -> None:
    """What waits then stands as work agreed for now, which its provider sets off to when they can."""
    op.drop_index("uq_engagements_waiting_after", "engagements")
    op.drop_index("uq_engagements_waiting_provider", "engagements")
    op.drop_column("engagements", "promoted_at")
    op.drop_column("engagements", "after_id")
    op.drop_column("offers", "after_id")
