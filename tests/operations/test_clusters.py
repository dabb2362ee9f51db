"""Clusters are shown by name, with what clients may know of their URIs and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from brookmill.domain.cluster import Cluster
from brookmill.domain.secret import Secret
from brookmill.operations.clusters import connection_strings

ORG, GROUP = "a" * 24, "b" * 24
URI = "mongodb://user:pa55w0rd@db1.example:27017,db2.example/?replicaSet=rs0&authSource=admin&appName=x"

Ask = Any  # the fixture of conftest.py


@pytest.fixture(scope="module")
def mill(services: Ask) -> Ask:
    with services.store.write() as session:
        session.put_cluster(Cluster(id="1" * 24, name="Cluster0", uri=Secret(URI), created=1_700_000_000.0))
    return services


def test_a_cluster_is_described_without_its_password(mill: Ask) -> None:
    cluster = mill("getGroupCluster", groupId=GROUP, clusterName="Cluster0")
    assert cluster == {
        "backupEnabled": False,
        "clusterType": "REPLICASET",
        "connectionStrings": {
            "standard": "mongodb://db1.example:27017,db2.example/?replicaSet=rs0&authSource=admin"
        },
        "createDate": "2023-11-14T22:13:20Z",
        "groupId": GROUP,
        "id": "1" * 24,
        "links": [{"href": f"http://localhost/api/atlas/v2/groups/{GROUP}/clusters/Cluster0", "rel": "self"}],
        "name": "Cluster0",
        "paused": False,
        "replicationSpecs": [],
        "stateName": "IDLE",
    }
    assert mill("listGroupClusters", groupId=GROUP) == {"results": [cluster], "totalCount": 1}
    assert mill("getGroup", groupId=GROUP)["clusterCount"] == 1


def test_all_clusters_are_listed_by_project(mill: Ask) -> None:
    [group] = mill("listClusterDetails")["results"]
    assert (group["groupId"], group["orgId"], group["orgName"]) == (GROUP, ORG, "Mill")
    assert [c["name"] for c in group["clusters"]] == ["Cluster0"]
    nobody = mill.by(org_roles=frozenset())
    assert nobody("listClusterDetails") == {"results": [], "totalCount": 0}


@pytest.mark.parametrize("name", ["nope", "cluster0", "x" * 5000, "../Cluster0"])
def test_an_unknown_cluster_is_not_found(mill: Ask, name: str) -> None:
    refused = mill.error("getGroupCluster", groupId=GROUP, clusterName=name)
    assert (refused.code, refused.status) == ("CLUSTER_NOT_FOUND", 404)
    assert len(refused.detail) < 300


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://h", {"standard": "mongodb://h"}),
        ("mongodb://h/db?tls=true", {"standard": "mongodb://h/?tls=true"}),
        ("mongodb+srv://u:p%40ss@h.example/", {"standardSrv": "mongodb+srv://h.example"}),
        ("mongodb://u:p@[::1]:27017/", {"standard": "mongodb://[::1]:27017"}),
        ("mongodb://u:a@b@h/", {"standard": "mongodb://h"}),
        (
            "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret&tlsCertificateKeyFilePassword=s3cret",
            {"standard": "mongodb://h"},
        ),
    ],
)
def test_a_uri_shows_hosts_and_harmless_options(uri: str, shown: dict[str, str]) -> None:
    assert connection_strings(uri) == shown
