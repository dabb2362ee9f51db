"""Cloud providers and their regions by the names upstream knows; here they are labels, nothing runs there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

CloudProvider = Literal["AWS", "GCP", "AZURE", "TENANT", "SERVERLESS"]

#: Regions that take workspaces, by provider. Admin API contract, (b), with October 2026's additions.
REGIONS: Mapping[str, frozenset[str]] = {
    "AWS": frozenset(
        {
            "SYDNEY_AUS",
            "MUMBAI_IND",
            "FRANKFURT_DEU",
            "DUBLIN_IRL",
            "LONDON_GBR",
            "VIRGINIA_USA",
            "OHIO_USA",
            "OREGON_USA",
            "SAOPAULO_BRA",
            "MONTREAL_CAN",
            "TOKYO_JPN",
            "SINGAPORE_SGP",
            "PARIS_FRA",
            "SEOUL_KOR",
        }
    ),
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
    known = REGIONS.get(cloud_provider)
    return region in (known if known is not None else frozenset().union(*REGIONS.values()))
