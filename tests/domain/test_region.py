"""Regions belong to their providers."""

from __future__ import annotations

import pytest

from brookmill.domain.region import is_region


@pytest.mark.parametrize(
    ("provider", "region", "known"),
    [
        ("AWS", "VIRGINIA_USA", True),
        ("AWS", "virginia_usa", False),
        ("AWS", "eastus", False),
        ("AZURE", "eastus2", True),
        ("AZURE", "US_EAST4", False),
        ("GCP", "US_EAST4", True),
        ("TENANT", "US_EAST4", True),
        ("SERVERLESS", "nowhere", False),
    ],
)
def test_regions(provider: str, region: str, known: bool) -> None:
    assert is_region(provider, region) is known
