"""Where Pub/Sub is, as whom it is spoken to, and what it says when it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from brookmill.config import Outside
from brookmill.connections.json_reply import JSONReply

if TYPE_CHECKING:
    from brookmill.connections.gcp_pub_sub import GCPConfig

#: Seconds to wait for a connection, and for the next bytes of an answer.
CONNECT, TIMEOUT = 10.0, 60.0
#: Most of Google's own words that are shown.
_WORDS = 300


def base_url(outside: Outside, region: str | None) -> str:
    """``region`` None: the endpoint of all regions."""
    own = "https://pubsub.googleapis.com" if region is None else f"https://{region}-pubsub.googleapis.com"
    return (outside.gcp_endpoint_url or own).rstrip("/")


def topic_url(base: str, project: str, topic: str) -> str:
    """The resource that verbs are put behind."""
    return f"{base}/v1/projects/{project}/topics/{topic.replace('%', '%25')}"


def account_of(gcp: GCPConfig | UnsetType) -> str | None:
    """The service account that a connection names."""
    return None if gcp is UNSET or gcp.service_account_id is UNSET else gcp.service_account_id


def words(reply: JSONReply) -> str:
    """What Google says, e.g. ``NOT_FOUND: Resource not found (resource=t).``"""
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    if not isinstance(error, dict):
        return f"the answer has the status {reply.status}"
    return " ".join(f"{error.get('status', reply.status)}: {error.get('message', '')}".split())[:_WORDS]
