"""Lambda functions in memory: the real asker, whose calls go to the test."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from brookmill.connections import Asker, Opening
from brookmill.connections.aws_lambda import AWSLambda
from brookmill.connections.aws_lambda.asker import LambdaAsker
from brookmill.connections.aws_lambda.options import ExternalFunctionOptions
from brookmill.testing.standins import STANDINS
from brookmill.testing.world import World


class FunctionAsker(LambdaAsker):
    """The real asker over a client in memory."""

    def __init__(self, connection: PlayedLambda, options: ExternalFunctionOptions, opening: Opening) -> None:
        """Raises ConnectionFailed when the test has no such function."""
        self._options = options
        self._constants = opening.constants
        self._clock = opening.clock
        self._what = f"Could not call the Lambda function {options.function_name}"
        self._client: Any = connection.world.lambdas.client(str(connection.name))
        connection.world.lambdas.known(options.function_name, str(connection.name))
        parallel = options.parallelism
        self._threads = ThreadPoolExecutor(parallel, "lambda") if parallel > 1 else None


@STANDINS("AWSLambda")
class PlayedLambda(AWSLambda, frozen=True, kw_only=True, tag="AWSLambda"):
    """``world``: of the test."""

    world: World

    def open_asker(self, options: ExternalFunctionOptions, opening: Opening) -> Asker:
        return FunctionAsker(self, options, opening)
