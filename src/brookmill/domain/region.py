"""Cloud providers and their regions by the names upstream knows; here they are labels, nothing runs there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

CloudProvider = Literal["AWS", "GCP", "AZURE", "TENANT", "SERVERLESS"]

#: The regions of AWS that take workspaces, and AWS's own names of them.
AWS_NAMES: Mapping[str, str] = {
    "DUBLIN_IRL": "eu-west-1",
    "FRANKFURT_DEU": "eu-central-1",
    "LONDON_GBR": "eu-west-2",
    "MONTREAL_CAN": "ca-central-1",
    "MUMBAI_IND": "ap-south-1",
    "OHIO_USA": "us-east-2",
    "OREGON_USA": "us-west-2",
    "PARIS_FRA": "eu-west-3",
    "SAOPAULO_BRA": "sa-east-1",
    "SEOUL_KOR": "ap-northeast-2",
    "SINGAPORE_SGP": "ap-southeast-1",
    "SYDNEY_AUS": "ap-southeast-2",
    "TOKYO_JPN": "ap-northeast-1",
    "VIRGINIA_USA": "us-east-1",
}

#: Regions that take workspaces, by provider. Admin API contract, (b), with October 2026's additions.
REGIONS: Mapping[CloudProvider, frozenset[str]] = {
    "AWS": frozenset(AWS_NAMES),
    "AZURE": frozenset(
        {
            "eastus",
            "westus",
            "eastus2",
            "westeurope",
            "brazilsouth",
            "australiaeast",
            "northeurope",
            "eastasia",
            "southeastasia",
        }
    ),
    "GCP": frozenset({"US_CENTRAL1", "EUROPE_WEST1", "US_EAST4", "US_WEST1", "ASIA_SOUTH1"}),
}


def is_region(cloud_provider: str, region: str) -> bool:
    """Whether the provider has the region; TENANT and SERVERLESS stand on any provider."""
    known = next((names for provider, names in REGIONS.items() if provider == cloud_provider), None)
    return region in (known if known is not None else frozenset().union(*REGIONS.values()))


def provider_of(region: str) -> CloudProvider | None:
    """The provider whose region it is; None for no region that takes workspaces."""
    return next((provider for provider, names in REGIONS.items() if region in names), None)


def cluster_region(region: str) -> str:
    """The name that clusters and networks have for a workspace's region: ``US_EAST_1`` for VIRGINIA_USA.

    A name that is no workspace's region of AWS stays as it is.
    """
    return AWS_NAMES[region].upper().replace("-", "_") if region in AWS_NAMES else region
