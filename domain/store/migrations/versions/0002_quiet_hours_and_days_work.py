"""Quiet hours of an account, and an index for what a market has completed today.

Columns that may be empty: the version before serves meanwhile. Each index holds off writes to its table while that
is read once (engagements: about a second a million rows; pushes: a day's worth).

Revision: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("quiet_from", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("quiet_until", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("timezone", sa.Text(), nullable=True))
    op.create_index(
        "ix_engagements_completed",
        "engagements",
        ["market_id", "ended_at"],
        postgresql_where=sa.text("state = 'completed'"),
    )
    op.create_index("ix_pushes_alert", "pushes", ["next_at"], postgresql_where=sa.text("state = 'alert'"))


def downgrade() -> None:
    op.drop_index("ix_pushes_alert", table_name="pushes")
    op.drop_index("ix_engagements_completed", table_name="engagements")
    op.drop_column("accounts", "timezone")
    op.drop_column("accounts", "quiet_until")
    op.drop_column("accounts", "quiet_from")
