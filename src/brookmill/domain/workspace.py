"""A workspace (older word: stream instance; in paths: tenant), and the project and organization around it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from brookmill.domain.region import CloudProvider
from brookmill.domain.tier import Tier


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """The outermost container. ``created`` in seconds since the epoch, here and below."""

    id: str
    name: str
    created: float


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A project; Atlas' API calls it a group. ``region_usage_restrictions`` None: it was never sent."""

    id: str
    org_id: str
    name: str
    created: float
    tags: Mapping[str, str] = {}
    region_usage_restrictions: str | None = None
    with_default_alerts_settings: bool = True


class DataProcessRegion(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Where a workspace runs, in Atlas' names (``AWS``, ``VIRGINIA_USA``)."""

    cloud_provider: CloudProvider
    region: str


class StreamConfig(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The tiers of a workspace. ``max_tier_size`` None: the largest."""

    tier: Tier = "SP10"
    max_tier_size: Tier | None = None


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """What connections and processors live in. ``failover_regions`` are only kept and returned."""

    id: str
    group_id: str
    name: str
    region: DataProcessRegion
    config: StreamConfig = StreamConfig()
    failover_regions: tuple[DataProcessRegion, ...] = ()
    hostnames: tuple[str, ...] = ()
    created: float
