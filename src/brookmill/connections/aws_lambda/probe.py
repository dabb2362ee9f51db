"""The test of an AWSLambda connection: the service, the role, and whether a function may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.aws.probe import entered
from brookmill.connections.aws.trouble import failing
from brookmill.connections.aws_lambda.options import LambdaProbe
from brookmill.connections.aws_lambda.region import function_region
from brookmill.connections.ladder import Ladder

if TYPE_CHECKING:
    from brookmill.connections.aws_lambda import AWSLambda


def probe(connection: AWSLambda, options: LambdaProbe, opening: Opening, ladder: Ladder) -> None:
    """No function is run. Raises ConnectionFailed."""
    name = options.function_name
    region = function_region(connection, "" if name is UNSET else name, opening.outside)
    client = entered(
        connection.aws,
        service="lambda",
        region=region,
        opening=opening,
        ladder=ladder,
        signed=lambda service: service.list_functions(MaxItems=1),
    )
    try:
        if name is UNSET:
            return
        with ladder.step("authorize") as seen:
            with failing(f"Could not call the Lambda function {name}"):
                client.invoke(FunctionName=name, InvocationType="DryRun")
            seen["function"] = name
    finally:
        client.close()
