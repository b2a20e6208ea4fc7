"""The foundation: every table of the first version, and the ledger's zero-sum trigger.

Revision: 0001
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography, Geometry
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Every ledger transaction sums to zero per currency, or the commit fails: money cannot leak past the code above.
_ZERO_SUM_FUNCTION = """
CREATE FUNCTION ledger_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM ledger_entries WHERE txn_id = NEW.txn_id GROUP BY currency HAVING sum(amount_cents) <> 0)
  THEN RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.txn_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_ZERO_SUM_TRIGGER = """
CREATE CONSTRAINT TRIGGER ledger_zero_sum AFTER INSERT OR UPDATE ON ledger_entries
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_zero_sum()
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("firebase_uid", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="fr", nullable=False),
        sa.Column("is_ops", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_reason", sa.Text(), nullable=True),
        sa.Column("suspended_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("firebase_uid", name=op.f("uq_accounts_firebase_uid")),
        sa.UniqueConstraint("phone", name=op.f("uq_accounts_phone")),
    )
    op.create_table(
        "challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenges")),
    )
    op.create_index(
        op.f("ix_challenges_phone_created_at"), "challenges", ["phone", "created_at"], unique=False
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "account_id", "operation", "key", name=op.f("uq_idempotency_keys_account_id_operation_key")
        ),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "markets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("center_lat", sa.Double(), nullable=False),
        sa.Column("center_lon", sa.Double(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_markets")),
    )
    op.create_table(
        "sent_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_messages")),
    )
    op.create_index(op.f("ix_sent_messages_to_at"), "sent_messages", ["to", "at"], unique=False)
    op.create_table(
        "timers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timers")),
    )
    op.create_index(op.f("ix_timers_due_at"), "timers", ["due_at"], unique=False)
    op.create_index("ix_timers_ref", "timers", ["ref"], unique=False)
    op.create_table(
        "devices",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("push_token", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_devices_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "device_id", name=op.f("pk_devices")),
    )
    op.create_table(
        "duty_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("services", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("on_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("off_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_duty_sessions_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_duty_sessions_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_sessions")),
    )
    op.create_index(
        "ix_duty_sessions_market_open",
        "duty_sessions",
        ["market_id"],
        unique=False,
        postgresql_where=sa.text("off_at IS NULL"),
    )
    op.create_index(
        "uq_duty_sessions_open",
        "duty_sessions",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("off_at IS NULL"),
    )
    op.create_table(
        "events",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_events_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "seq", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_at"), "events", ["at"], unique=False)
    op.create_index("ix_events_unsent", "events", ["at"], unique=False, postgresql_where=sa.text("NOT sent"))
    op.create_table(
        "providers",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("services", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("vehicle", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("max_travel_s", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_providers_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_providers")),
    )
    op.create_table(
        "pushes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_pushes_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
        sa.UniqueConstraint(
            "account_id", "device_id", "seq", name=op.f("uq_pushes_account_id_device_id_seq")
        ),
    )
    op.create_index(
        "ix_pushes_due", "pushes", ["next_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index(op.f("ix_pushes_not_after"), "pushes", ["not_after"], unique=False)
    op.create_index(
        "ix_pushes_waiting",
        "pushes",
        ["account_id", "topic"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "rounds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("travel_source", sa.Text(), nullable=False),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("objective", sa.Double(), nullable=False),
        sa.Column("solve_ms", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_rounds_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
    )
    op.create_index(op.f("ix_rounds_market_id_at"), "rounds", ["market_id", "at"], unique=False)
    op.create_table(
        "services",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_services_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
    )
    op.create_index(
        "uq_services_live",
        "services",
        ["market_id", "slug"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "streams",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_streams_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_streams")),
    )
    op.create_table(
        "token_families",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("current_hash", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_why", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_token_families_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_families")),
    )
    op.create_index(op.f("ix_token_families_account_id"), "token_families", ["account_id"], unique=False)
    op.create_table(
        "ws_tickets",
        sa.Column("ticket_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_ws_tickets_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("pk_ws_tickets")),
    )
    op.create_geospatial_table(
        "zones",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "area",
            Geometry(
                geometry_type="POLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_zones_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zones")),
        sa.UniqueConstraint("market_id", "slug", name=op.f("uq_zones_market_id_slug")),
    )
    op.create_geospatial_index(
        "ix_zones_area", "zones", ["area"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_table(
        "quotes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("service_slug", sa.Text(), nullable=False),
        sa.Column("stops", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("breakdown", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("distance_m", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("travel_source", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_quotes_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_quotes_market_id")),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_quotes_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotes")),
    )
    op.create_index(op.f("ix_quotes_expires_at"), "quotes", ["expires_at"], unique=False)
    op.create_table(
        "requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("service_slug", sa.Text(), nullable=False),
        sa.Column("allocator", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=True),
        sa.Column("price_cents", sa.Integer(), nullable=True),
        sa.Column("budget_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_s", sa.Integer(), nullable=True),
        sa.Column("distance_m", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("wave", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "allocator IN ('dispatch', 'call', 'book', 'pool')", name=op.f("ck_requests_allocator_known")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'matched', 'closed', 'expired', 'cancelled')",
            name=op.f("ck_requests_state_known"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["accounts.id"], name=op.f("fk_requests_customer_id")),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_requests_market_id")),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.id"], name=op.f("fk_requests_quote_id")),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_requests_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_customer", "requests", ["customer_id", "created_at"], unique=False)
    op.create_index(
        "ix_requests_open",
        "requests",
        ["market_id", "allocator"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_requests_quote",
        "requests",
        ["quote_id"],
        unique=True,
        postgresql_where=sa.text("quote_id IS NOT NULL"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("eta_s", sa.Double(), nullable=True),
        sa.Column("meters", sa.Double(), nullable=True),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_decisions_market_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["accounts.id"], name=op.f("fk_decisions_provider_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_decisions_request_id")),
        sa.ForeignKeyConstraint(
            ["round_id"], ["rounds.id"], name=op.f("fk_decisions_round_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_offer", "decisions", ["offer_id"], unique=False)
    op.create_index(
        op.f("ix_decisions_request_id_provider_id"), "decisions", ["request_id", "provider_id"], unique=False
    )
    op.create_index(op.f("ix_decisions_round_id"), "decisions", ["round_id"], unique=False)
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("to_account", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counter_of", sa.Uuid(), nullable=True),
        sa.Column("round_id", sa.Uuid(), nullable=True),
        sa.Column("wave", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "origin IN ('dispatch', 'proposal', 'counter')", name=op.f("ck_offers_origin_known")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'declined', 'expired', 'withdrawn')",
            name=op.f("ck_offers_state_known"),
        ),
        sa.ForeignKeyConstraint(["counter_of"], ["offers.id"], name=op.f("fk_offers_counter_of")),
        sa.ForeignKeyConstraint(["customer_id"], ["accounts.id"], name=op.f("fk_offers_customer_id")),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_offers_market_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["accounts.id"], name=op.f("fk_offers_provider_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_offers_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    op.create_index(
        "ix_offers_pending_to",
        "offers",
        ["to_account"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_offers_request", "offers", ["request_id"], unique=False)
    op.create_index(
        "uq_offers_pending_dispatch",
        "offers",
        ["provider_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending' AND origin = 'dispatch'"),
    )
    op.create_index(
        "uq_offers_pending_pair",
        "offers",
        ["request_id", "provider_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_geospatial_table(
        "stops",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column(
            "point",
            Geography(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_stops_market_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_stops_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "seq", name=op.f("pk_stops")),
    )
    op.create_index("ix_stops_cell", "stops", ["market_id", "cell"], unique=False)
    op.create_geospatial_index(
        "ix_stops_point", "stops", ["point"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_table(
        "engagements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("service_slug", sa.Text(), nullable=False),
        sa.Column("allocator", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("fee_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("pin", sa.Text(), nullable=True),
        sa.Column("pin_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pin_locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("en_route_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.Column("fee_on_end_cents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("track_erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('confirmed', 'en_route', 'arrived', 'in_progress', 'completed', 'cancelled', 'no_show', 'disputed')",
            name=op.f("ck_engagements_state_known"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["accounts.id"], name=op.f("fk_engagements_customer_id")),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_engagements_market_id")),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_engagements_offer_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["accounts.id"], name=op.f("fk_engagements_provider_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_engagements_request_id")),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_engagements_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engagements")),
        sa.UniqueConstraint("offer_id", name=op.f("uq_engagements_offer_id")),
    )
    op.create_index(
        "ix_engagements_active",
        "engagements",
        ["market_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('arrived', 'confirmed', 'en_route', 'in_progress')"),
    )
    op.create_index("ix_engagements_customer", "engagements", ["customer_id", "id"], unique=False)
    op.create_index("ix_engagements_provider", "engagements", ["provider_id", "id"], unique=False)
    op.create_index(
        "uq_engagements_exclusive_provider",
        "engagements",
        ["provider_id"],
        unique=True,
        postgresql_where=sa.text(
            "exclusive AND state IN ('arrived', 'confirmed', 'en_route', 'in_progress')"
        ),
    )
    op.create_index(
        "uq_engagements_live_request",
        "engagements",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('cancelled')"),
    )
    op.create_table(
        "actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagements.id"], name=op.f("fk_actions_engagement_id")),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_actions_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_index(op.f("ix_actions_engagement_id_at"), "actions", ["engagement_id", "at"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagements.id"], name=op.f("fk_erasures_engagement_id")
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_erasures_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_engagement_id"), "erasures", ["engagement_id"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("resource_id"), "="),
            (sa.column("span"), "&&"),
            where=sa.text("state = 'held'"),
            using="gist",
            name="ex_holds_no_overlap",
        ),
        sa.CheckConstraint("state IN ('held', 'released')", name=op.f("ck_holds_state_known")),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagements.id"], name=op.f("fk_holds_engagement_id")),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_holds_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_engagement", "holds", ["engagement_id"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagements.id"], name=op.f("fk_messages_engagement_id")
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_messages_market_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_engagement_id_at"), "messages", ["engagement_id", "at"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("want", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("captured_cents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refunded_cents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("want_cents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("want_fee_cents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("psp_ref", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('price', 'tip')", name=op.f("ck_payments_kind_known")),
        sa.CheckConstraint(
            "state IN ('pending', 'authorised', 'failed', 'captured', 'released', 'refunded')",
            name=op.f("ck_payments_state_known"),
        ),
        sa.CheckConstraint(
            "want IN ('hold', 'capture', 'release', 'refund')", name=op.f("ck_payments_want_known")
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_payments_amount_positive")),
        sa.CheckConstraint(
            "captured_cents BETWEEN 0 AND amount_cents", name=op.f("ck_payments_captured_within")
        ),
        sa.CheckConstraint(
            "refunded_cents BETWEEN 0 AND captured_cents", name=op.f("ck_payments_refunded_within")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["accounts.id"], name=op.f("fk_payments_customer_id")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagements.id"], name=op.f("fk_payments_engagement_id")
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_payments_market_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["accounts.id"], name=op.f("fk_payments_provider_id")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_payments_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
    )
    op.create_index("ix_payments_customer", "payments", ["customer_id", "id"], unique=False)
    op.create_index("ix_payments_engagement", "payments", ["engagement_id"], unique=False)
    op.create_index("ix_payments_request", "payments", ["request_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("author_role", sa.Text(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('sealed', 'published')", name=op.f("ck_reviews_state_known")),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_reviews_stars_one_to_five")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_reviews_author_id")),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagements.id"], name=op.f("fk_reviews_engagement_id")),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_reviews_market_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["accounts.id"], name=op.f("fk_reviews_subject_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("engagement_id", "author_id", name=op.f("uq_reviews_engagement_id_author_id")),
    )
    op.create_index(
        "ix_reviews_newest",
        "reviews",
        ["market_id", "published_at"],
        unique=False,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_index("ix_reviews_subject", "reviews", ["subject_id", "state"], unique=False)
    op.create_table(
        "shares",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagements.id"], name=op.f("fk_shares_engagement_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_shares")),
    )
    op.create_index(op.f("ix_shares_engagement_id"), "shares", ["engagement_id"], unique=False)
    op.create_table(
        "track_points",
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagements.id"], name=op.f("fk_track_points_engagement_id")
        ),
        sa.PrimaryKeyConstraint("engagement_id", "at", name=op.f("pk_track_points")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("txn_id", sa.Uuid(), nullable=False),
        sa.Column("market_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("engagement_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagements.id"], name=op.f("fk_ledger_entries_engagement_id")
        ),
        sa.ForeignKeyConstraint(["market_id"], ["markets.id"], name=op.f("fk_ledger_entries_market_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_ledger_entries_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_account", "ledger_entries", ["account", "at"], unique=False)
    op.create_index("ix_ledger_entries_engagement", "ledger_entries", ["engagement_id"], unique=False)
    op.create_index("ix_ledger_entries_txn", "ledger_entries", ["txn_id"], unique=False)

    op.execute(_ZERO_SUM_FUNCTION)
    op.execute(_ZERO_SUM_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER ledger_zero_sum ON ledger_entries")
    op.execute("DROP FUNCTION ledger_zero_sum()")
    op.drop_index("ix_ledger_entries_txn", table_name="ledger_entries")
    op.drop_index("ix_ledger_entries_engagement", table_name="ledger_entries")
    op.drop_index("ix_ledger_entries_account", table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_table("track_points")
    op.drop_index(op.f("ix_shares_engagement_id"), table_name="shares")
    op.drop_table("shares")
    op.drop_index("ix_reviews_subject", table_name="reviews")
    op.drop_index("ix_reviews_newest", table_name="reviews", postgresql_where=sa.text("state = 'published'"))
    op.drop_table("reviews")
    op.drop_index("ix_payments_request", table_name="payments")
    op.drop_index("ix_payments_engagement", table_name="payments")
    op.drop_index("ix_payments_customer", table_name="payments")
    op.drop_table("payments")
    op.drop_index(op.f("ix_messages_engagement_id_at"), table_name="messages")
    op.drop_table("messages")
    op.drop_index("ix_holds_engagement", table_name="holds")
    op.drop_table("holds")
    op.drop_index(op.f("ix_erasures_engagement_id"), table_name="erasures")
    op.drop_table("erasures")
    op.drop_index(op.f("ix_actions_engagement_id_at"), table_name="actions")
    op.drop_table("actions")
    op.drop_index(
        "uq_engagements_live_request",
        table_name="engagements",
        postgresql_where=sa.text("state NOT IN ('cancelled')"),
    )
    op.drop_index(
        "uq_engagements_exclusive_provider",
        table_name="engagements",
        postgresql_where=sa.text(
            "exclusive AND state IN ('arrived', 'confirmed', 'en_route', 'in_progress')"
        ),
    )
    op.drop_index("ix_engagements_provider", table_name="engagements")
    op.drop_index("ix_engagements_customer", table_name="engagements")
    op.drop_index(
        "ix_engagements_active",
        table_name="engagements",
        postgresql_where=sa.text("state IN ('arrived', 'confirmed', 'en_route', 'in_progress')"),
    )
    op.drop_table("engagements")
    op.drop_geospatial_index(
        "ix_stops_point", table_name="stops", postgresql_using="gist", column_name="point"
    )
    op.drop_index("ix_stops_cell", table_name="stops")
    op.drop_geospatial_table("stops")
    op.drop_index(
        "uq_offers_pending_pair", table_name="offers", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index(
        "uq_offers_pending_dispatch",
        table_name="offers",
        postgresql_where=sa.text("state = 'pending' AND origin = 'dispatch'"),
    )
    op.drop_index("ix_offers_request", table_name="offers")
    op.drop_index("ix_offers_pending_to", table_name="offers", postgresql_where=sa.text("state = 'pending'"))
    op.drop_table("offers")
    op.drop_index(op.f("ix_decisions_round_id"), table_name="decisions")
    op.drop_index(op.f("ix_decisions_request_id_provider_id"), table_name="decisions")
    op.drop_index("ix_decisions_offer", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index(
        "uq_requests_quote", table_name="requests", postgresql_where=sa.text("quote_id IS NOT NULL")
    )
    op.drop_index("ix_requests_open", table_name="requests", postgresql_where=sa.text("state = 'open'"))
    op.drop_index("ix_requests_customer", table_name="requests")
    op.drop_table("requests")
    op.drop_index(op.f("ix_quotes_expires_at"), table_name="quotes")
    op.drop_table("quotes")
    op.drop_geospatial_index("ix_zones_area", table_name="zones", postgresql_using="gist", column_name="area")
    op.drop_geospatial_table("zones")
    op.drop_table("ws_tickets")
    op.drop_index(op.f("ix_token_families_account_id"), table_name="token_families")
    op.drop_table("token_families")
    op.drop_table("streams")
    op.drop_index("uq_services_live", table_name="services", postgresql_where=sa.text("retired_at IS NULL"))
    op.drop_table("services")
    op.drop_index(op.f("ix_rounds_market_id_at"), table_name="rounds")
    op.drop_table("rounds")
    op.drop_index("ix_pushes_waiting", table_name="pushes", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index(op.f("ix_pushes_not_after"), table_name="pushes")
    op.drop_index("ix_pushes_due", table_name="pushes", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("pushes")
    op.drop_table("providers")
    op.drop_index("ix_events_unsent", table_name="events", postgresql_where=sa.text("NOT sent"))
    op.drop_index(op.f("ix_events_at"), table_name="events")
    op.drop_table("events")
    op.drop_index(
        "uq_duty_sessions_open", table_name="duty_sessions", postgresql_where=sa.text("off_at IS NULL")
    )
    op.drop_index(
        "ix_duty_sessions_market_open", table_name="duty_sessions", postgresql_where=sa.text("off_at IS NULL")
    )
    op.drop_table("duty_sessions")
    op.drop_table("devices")
    op.drop_index("ix_timers_ref", table_name="timers")
    op.drop_index(op.f("ix_timers_due_at"), table_name="timers")
    op.drop_table("timers")
    op.drop_index(op.f("ix_sent_messages_to_at"), table_name="sent_messages")
    op.drop_table("sent_messages")
    op.drop_table("markets")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_challenges_phone_created_at"), table_name="challenges")
    op.drop_table("challenges")
    op.drop_table("accounts")
