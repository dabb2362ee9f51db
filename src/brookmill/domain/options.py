"""The options of a processor: where its dead letters go, and how it may change its tier."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.tier import Tier, exceeds, smaller


class DLQ(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsDLQ``: a collection that a Cluster connection reaches. All UNSET: no queue."""

    coll: str | UnsetType = UNSET
    connection_name: str | UnsetType = UNSET
    db: str | UnsetType = UNSET


class Autoscaling(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsAutoscaling``: kept and returned; nothing here changes a tier by itself."""

    enabled: bool | UnsetType | None = UNSET
    max_tier: Tier | UnsetType | None = UNSET
    min_tier: Tier | UnsetType | None = UNSET


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Options as they are kept, in ``Processor.options``, and returned.

    ``stream_meta_field_name``: drivers' ``streamMetaFieldName``, which the Admin API does not know.
    """

    autoscaling: Autoscaling | UnsetType = UNSET
    dlq: DLQ | UnsetType = UNSET
    stream_meta_field_name: str | UnsetType = UNSET


def options_of(text: str | None) -> Options:
    """What ``Processor.options`` holds."""
    return Options() if text is None else msgspec.json.decode(text, type=Options)


def options_text(options: Options) -> str | None:
    """The text for ``Processor.options``; None when there are none."""
    return None if options == Options() else msgspec.json.encode(options).decode()


def with_dlq(kept: Options, sent: DLQ | UnsetType) -> Options:
    """``kept`` with another dead letter queue; an empty one takes it away, UNSET leaves it."""
    if sent is UNSET:
        return kept
    return msgspec.structs.replace(kept, dlq=UNSET if sent == DLQ() else sent)


def dlq_problem(options: Options) -> str | None:
    """What the dead letter queue lacks; None when it is whole or not there."""
    if options.dlq is UNSET:
        return None
    queue = options.dlq
    members = {"connectionName": queue.connection_name, "db": queue.db, "coll": queue.coll}
    lacking = [name for name, value in members.items() if value in (UNSET, "")]
    return f"dlq requires {', '.join(lacking)}" if lacking else None


def scaled(kept: Options, sent: Autoscaling | UnsetType, *, tier: str, workspace: str, most: str) -> Options:
    """``kept`` with the autoscaling that ``sent`` asks for.

    ``enabled`` false or null clears, true switches on, UNSET keeps. A bound that is null or never given is
    ``most`` (the workspace's maximum), or the smaller of the processor's ``tier`` and the ``workspace``'s.
    """
    if sent is UNSET:
        return kept
    old = kept.autoscaling if kept.autoscaling is not UNSET else Autoscaling()
    enabled = old.enabled if sent.enabled is UNSET else sent.enabled
    if enabled is not True:
        return msgspec.structs.replace(kept, autoscaling=UNSET)
    upper = (old.max_tier if sent.max_tier is UNSET else sent.max_tier) or most
    lower = (old.min_tier if sent.min_tier is UNSET else sent.min_tier) or smaller(tier, workspace)
    bounds = {"enabled": True, "maxTier": upper, "minTier": lower}
    return msgspec.structs.replace(kept, autoscaling=msgspec.convert(bounds, Autoscaling))


def scaling_problem(options: Options, tier: str, most: str) -> str | None:
    """Why the bounds cannot be: upside down, above the workspace's maximum, or not around ``tier``."""
    scaling = options.autoscaling
    if scaling is UNSET or not scaling.max_tier or not scaling.min_tier:
        return None
    if exceeds(scaling.min_tier, scaling.max_tier) or exceeds(scaling.max_tier, most):
        return f"autoscaling needs minTier <= maxTier <= {most}"
    if exceeds(scaling.min_tier, tier) or exceeds(tier, scaling.max_tier):
        return f"tier {tier} is outside the autoscaling bounds {scaling.min_tier} to {scaling.max_tier}"
    return None
