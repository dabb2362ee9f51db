"""A MongoDB cluster that Cluster connections name: Atlas' name for it and the URI it is reached by."""

from __future__ import annotations

import msgspec

from brookmill.domain.secret import Secret


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """``uri``: a MongoDB connection string, maybe with a password. ``created``: seconds since the epoch."""

    id: str
    name: str
    uri: Secret
    created: float
