"""The cloud account that streams of a project run in: what other accounts need for peerings and links.

Here it is a label: nothing runs there. It is the same whenever it is asked for, and each project has its own.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from brookmill.domain.principal import PROJECT_READERS
from brookmill.domain.region import cluster_region
from brookmill.errors import UserError
from brookmill.operations import Call, operation

#: The address block that upstream documents; every network of it has the same.
_CIDR_BLOCK = "192.168.248.0/21"

_REGION = re.compile(r"[A-Za-z0-9_-]{1,64}")


@operation(
    "getGroupStreamAccountDetails",
    "GET /groups/{groupId}/streams/accountDetails",
    since="2024-11-13",
    roles=PROJECT_READERS,
    query=("cloudProvider", "regionName"),
    aliases=("getStreamAccountDetails", "getAccountDetails"),
    guess="the names of regions other than AWS's; ids are labels, made of the project's id",
)
def get_account_details(call: Call, group_id: str) -> Any:
    """Account, network and its addresses in one region of one provider, whose name may be in any case."""
    provider, region = _given(call, "cloudProvider").lower(), _given(call, "regionName")
    if provider not in _DETAILS:
        raise UserError("INVALID_QUERY_PARAMETER", "cloudProvider")
    if not _REGION.fullmatch(region):
        raise UserError("INVALID_QUERY_PARAMETER", "regionName")
    details = _DETAILS[provider](group_id, cluster_region(region))
    return {"cidrBlock": _CIDR_BLOCK, "cloudProvider": provider, **details}


def account_id(provider: str, group_id: str) -> str:
    """The account of the project at a provider (``aws``, ``azure``, ``gcp``)."""
    mark = _mark(provider, group_id)
    if provider == "aws":
        return f"{int(mark, 16) % 10**12:012}"
    return str(uuid.UUID(mark[:32])) if provider == "azure" else f"p-{mark[:28]}"


def network_id(provider: str, group_id: str, region: str) -> str:
    """The network of the project in a region, by the name that clusters have for it."""
    mark = _mark(provider, group_id, region)
    if provider == "aws":
        return f"vpc-{mark[:17]}"
    return f"vnet_{group_id}_{mark[:8]}" if provider == "azure" else f"nt-{group_id}-{mark[:8]}"


def _given(call: Call, name: str) -> str:
    if not call.query.get(name):
        raise UserError("MISSING_QUERY_PARAMETER", name)
    return call.query[name]


def _mark(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def _aws(group_id: str, region: str) -> dict[str, str]:
    return {"awsAccountId": account_id("aws", group_id), "vpcId": network_id("aws", group_id, region)}


def _azure(group_id: str, region: str) -> dict[str, str]:
    network = network_id("azure", group_id, region)
    return {"azureSubscriptionId": account_id("azure", group_id), "virtualNetworkName": network}


def _gcp(group_id: str, region: str) -> dict[str, str]:
    network = network_id("gcp", group_id, region)
    return {"gcpProjectId": account_id("gcp", group_id), "vpcNetworkName": network}


_DETAILS: Mapping[str, Callable[[str, str], dict[str, str]]] = {"aws": _aws, "azure": _azure, "gcp": _gcp}
