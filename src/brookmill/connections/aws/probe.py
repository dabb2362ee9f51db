"""The lower steps of every test in AWS: the service's address, Brookmill's own keys, the role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UnsetType

from brookmill.connections import Opening
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws.account import Account, Service, check, service_url
from brookmill.connections.aws.trouble import FORGED, code, failing
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import place_of, reach


def entered(
    config: AWSConfig | UnsetType,
    *,
    service: Service,
    region: str,
    opening: Opening,
    ladder: Ladder,
    signed: Callable[[Any], object],
) -> Any:
    """A client of ``service`` whom AWS has let in. ``signed`` asks it something that needs a signature,
    whatever the rights: so keys are tried where no role is taken on.

    Raises ConnectionFailed.
    """
    outside = opening.outside
    with ladder.step("settings") as seen:
        check(config, outside)
        place = place_of(service_url(outside, service, region))
        seen.update(region=region, credentials=outside.aws_credentials)
    reach([place], opening, ladder)
    with ladder.step("authenticate") as seen:
        client = Account(config, opening, region).client(service)
        if outside.aws_credentials == "static":
            _sign(client, signed)
        else:
            seen["role"] = "taken on"
    return client


def _sign(client: Any, signed: Callable[[Any], object]) -> None:
    from botocore.exceptions import ClientError

    with failing("Brookmill's AWS keys cannot be used"):
        try:
            signed(client)
        except ClientError as e:
            if code(e) in FORGED or code(e).startswith("ExpiredToken"):
                raise
