"""What running processors measure, for monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from brookmill.operations import Services


class Measurement(NamedTuple):
    """Statistics of one running processor, in the words of the stats reply.

    ``labels``: ids; with the setting ``metrics_names``, or in a development server, names too.
    """

    labels: dict[str, str]
    stats: dict[str, Any]


def measurements(services: Services) -> Iterator[Measurement]:
    """One for each processor whose worker runs."""
    named = services.settings.dev or services.settings.metrics_names
    with services.store.read() as session:
        for processor, stats in services.supervisor.all_stats():
            workspace = session.workspace_by_id(processor.workspace_id)
            if workspace is None:
                continue
            labels = {"group_id": workspace.group_id, "processor_id": processor.id}
            if named:
                labels |= {"tenant_name": workspace.name, "processor_name": processor.name}
            yield Measurement(labels, stats)
