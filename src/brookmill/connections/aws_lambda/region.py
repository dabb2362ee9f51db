"""Where a function is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brookmill.config import Outside
from brookmill.connections.aws import region_of

if TYPE_CHECKING:
    from brookmill.connections.aws_lambda import AWSLambda


def function_region(connection: AWSLambda, name: str, outside: Outside) -> str:
    """The region of the function's ARN, else the connection's."""
    return name.split(":")[3] if name.startswith("arn:") else region_of(connection, outside)
