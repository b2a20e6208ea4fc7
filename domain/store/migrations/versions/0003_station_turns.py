"""The queue of a station: the moment each provider joined it.

Revision: 0003
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "station_turns",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["accounts.id"],
            name=op.f("fk_station_turns_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_station_turns_market_id")),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_station_turns")),
    )
    op.create_index(
        op.f("ix_station_turns_market_id_zone_joined_at"), "station_turns", ["market_id", "zone", "joined_at"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_station_turns_market_id_zone_joined_at"), table_name="station_turns")
    op.drop_table("station_turns")
