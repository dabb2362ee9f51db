"""Clusters: names that Cluster connections use, each with a MongoDB URI that an operator configured."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from brookmill.domain.cluster import Cluster
from brookmill.domain.principal import PROJECT_READERS
from brookmill.domain.workspace import Group
from brookmill.errors import UserError
from brookmill.operations import Call, Deprecated, Page, operation
from brookmill.operations.answer import instant
from brookmill.operations.groups import visible
from brookmill.operations.links import self_link

#: Older versions differ in members that Brookmill does not have.
_OLDER = tuple(
    Deprecated(dt.date.fromisoformat(version), dt.date(2024, 8, 5), dt.date(2027, 7, 1))
    for version in ("2023-01-01", "2023-02-01")
)

#: Options of a URI that tell nothing secret and are needed to connect.
_OPEN_OPTIONS = frozenset({"authsource", "directconnection", "replicaset", "ssl", "tls"})


@operation(
    "listGroupClusters",
    "GET /groups/{groupId}/clusters",
    since="2024-08-05",
    deprecated=_OLDER,
    roles=PROJECT_READERS,
    query=("includeCount", "includeDeletedWithRetainedBackups"),
    paged=True,
)
def list_clusters(call: Call, group_id: str) -> Page:
    """Every configured cluster; all projects see the same ones."""
    call.flag("includeDeletedWithRetainedBackups")  # there are none
    with call.store.read() as session:
        page = call.page(session.clusters())
    return Page([_shown(call, group_id, cluster) for cluster in page.results], page.total)


@operation(
    "getGroupCluster",
    "GET /groups/{groupId}/clusters/{clusterName}",
    since="2024-08-05",
    deprecated=_OLDER,
    roles=PROJECT_READERS,
)
def get_cluster(call: Call, group_id: str, cluster_name: str) -> Any:
    """One cluster."""
    with call.store.read() as session:
        cluster = session.cluster(cluster_name)
    if cluster is None:
        raise UserError("CLUSTER_NOT_FOUND", cluster_name[:120], group_id)
    return _shown(call, group_id, cluster)


@operation(
    "listClusterDetails",
    "GET /clusters",
    since="2023-01-01",
    roles=None,
    query=("includeCount",),
    paged=True,
)
def list_cluster_details(call: Call) -> Page:
    """The projects that the caller may read, each with all clusters."""
    with call.store.read() as session:
        page = call.page(visible(session, call.principal))
        clusters = [_summary(cluster) for cluster in session.clusters()]
        organization = session.organization(call.principal.org_id)
    org_name = organization.name if organization else ""
    return Page([_group(group, org_name, clusters) for group in page.results], page.total)


def _shown(call: Call, group_id: str, cluster: Cluster) -> dict[str, Any]:
    """The part of upstream's ``ClusterDescription20240805`` that is true of any MongoDB behind a URI."""
    return {
        "backupEnabled": False,
        "clusterType": "REPLICASET",
        "connectionStrings": connection_strings(cluster.uri.reveal()),
        "createDate": instant(cluster.created),
        "groupId": group_id,
        "id": cluster.id,
        "links": self_link(call, f"/groups/{group_id}/clusters/{cluster.name}"),
        "name": cluster.name,
        "paused": False,
        "replicationSpecs": [],
        "stateName": "IDLE",
    }


def connection_strings(uri: str) -> dict[str, str]:
    """What clients may know of a MongoDB URI: hosts and harmless options, never a user or a password."""
    parts = urlsplit(uri)
    options = [(k, v) for k, v in parse_qsl(parts.query) if k.lower() in _OPEN_OPTIONS]
    hosts = parts.netloc.rpartition("@")[2]
    query = f"/?{urlencode(options)}" if options else ""
    name = "standardSrv" if parts.scheme == "mongodb+srv" else "standard"
    return {name: f"{parts.scheme}://{hosts}{query}"}


def _summary(cluster: Cluster) -> dict[str, Any]:
    return {"clusterId": cluster.id, "name": cluster.name, "type": "REPLICA_SET", "versions": []}


def _group(group: Group, org_name: str, clusters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "clusters": clusters,
        "groupId": group.id,
        "groupName": group.name,
        "orgId": group.org_id,
        "orgName": org_name,
        "planType": "Atlas",
        "tags": [],
    }
