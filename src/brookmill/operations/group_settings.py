"""What Terraform's project resource reads besides the project; Brookmill has nothing of it and says so."""

from __future__ import annotations

from typing import Any

from brookmill.domain.principal import PROJECT_READERS
from brookmill.operations import Call, Page, operation

#: Switches of the Atlas web console.
_SETTINGS = (
    "isCollectDatabaseSpecificsStatisticsEnabled",
    "isDataExplorerEnabled",
    "isDataExplorerGenAIFeaturesEnabled",
    "isDataExplorerGenAISampleDocumentPassingEnabled",
    "isExtendedStorageSizesEnabled",
    "isPerformanceAdvisorEnabled",
    "isRealtimePerformancePanelEnabled",
    "isSchemaAdvisorEnabled",
)


@operation("getGroupSettings", "GET /groups/{groupId}/settings", since="2023-01-01", roles=PROJECT_READERS)
def get_settings(call: Call, group_id: str) -> Any:
    """All off: there is no console that they could switch something in."""
    return dict.fromkeys(_SETTINGS, False)


@operation("listGroupLimits", "GET /groups/{groupId}/limits", since="2023-01-01", roles=PROJECT_READERS)
def list_limits(call: Call, group_id: str) -> Any:
    """A bare array upstream too; no limit is set on anything."""
    return []


@operation(
    "getGroupIpAddresses", "GET /groups/{groupId}/ipAddresses", since="2023-01-01", roles=PROJECT_READERS
)
def get_ip_addresses(call: Call, group_id: str) -> Any:
    """No cluster here has addresses of its own."""
    return {"groupId": group_id, "services": {"clusters": []}}


@operation(
    "listGroupTeams", "GET /groups/{groupId}/teams", since="2023-01-01", roles=PROJECT_READERS, paged=True
)
def list_teams(call: Call, group_id: str) -> Page:
    """There are no people, so no teams."""
    return call.page(())


@operation(
    "listGroupUsers", "GET /groups/{groupId}/users", since="2025-02-19", roles=PROJECT_READERS, paged=True
)
def list_users(call: Call, group_id: str) -> Page:
    """There are no people, only keys and accounts."""
    return call.page(())
