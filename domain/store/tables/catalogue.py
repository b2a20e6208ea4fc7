"""What can be asked and where: markets, their zones, their services, frozen quotes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.store.tables.base import Base, Id, Json, JsonList


class Market(Base):
    """A city: the unit of configuration and of scale. Its id is its slug."""

    __tablename__ = "markets"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    currency: Mapped[str]
    timezone: Mapped[str]
    center_lat: Mapped[float]
    center_lon: Mapped[float]
    settings: Mapped[Json]


class ZoneRow(Base):
    """A polygon of a market: its service area, a place without pickups, a station's queue."""

    __tablename__ = "zones"
    __table_args__ = (
        UniqueConstraint("market_id", "slug"),
        Index("ix_zones_area", "area", postgresql_using="gist"),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    slug: Mapped[str]
    kind: Mapped[str]  # service_area | no_pickup | queue
    name: Mapped[Json]
    area: Mapped[Any] = mapped_column(Geometry("POLYGON", srid=4326, spatial_index=False), nullable=False)


class Service(Base):
    """A catalogue row: `allocator x inventory x price rule x completion x regimes` plus a form, as data.

    `spec` is `domain.rules.catalogue.ServiceSpec` as JSON. A change makes a new version; quotes keep theirs.
    """

    __tablename__ = "services"
    __table_args__ = (
        Index(
            "uq_services_live", "market_id", "slug", unique=True, postgresql_where=text("retired_at IS NULL")
        ),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    slug: Mapped[str]
    version: Mapped[int]
    spec: Mapped[Json]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Quote(Base):
    """A frozen, signed price with the policy version that made it. Used once."""

    __tablename__ = "quotes"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("services.id"))
    service_slug: Mapped[str]
    stops: Mapped[JsonList]
    answers: Mapped[Json]
    options: Mapped[JsonList]
    start_at: Mapped[datetime | None]
    price_cents: Mapped[int]
    currency: Mapped[str]
    breakdown: Mapped[JsonList]
    distance_m: Mapped[int]
    duration_s: Mapped[int]
    travel_source: Mapped[str]
    policy_version: Mapped[str]
    signature: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
