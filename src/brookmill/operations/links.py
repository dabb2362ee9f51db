"""Links that answers carry. Streams objects have none (contract, fact 3); projects and clusters do."""

from __future__ import annotations

from brookmill.operations import Call


def self_link(call: Call, path: str) -> list[dict[str, str]]:
    """The member ``links`` of the object at ``path`` below ``/api/atlas/v2``."""
    return [{"href": f"{call.base_url}/api/atlas/v2{path}", "rel": "self"}]
