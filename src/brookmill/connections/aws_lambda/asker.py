"""Calls a Lambda function for every document, and reads what it returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import bson
from msgspec import UNSET

from brookmill.connections import Answer, Opening, Output
from brookmill.connections.aws.account import Account
from brookmill.connections.aws.trouble import FORGED, code, failed, failing, passing
from brookmill.connections.aws_lambda.options import ExternalFunctionOptions
from brookmill.connections.aws_lambda.region import function_region
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.ejson import parse_json
from brookmill.mql.encoding import encoder
from brookmill.mql.values import Document, Value, storable

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import InvocationResponseTypeDef

    from brookmill.connections.aws_lambda import AWSLambda

#: Answers that are about the processor and not about the document: ``onError`` does not see them.
_SETTINGS = FORGED | {"AccessDenied", "AccessDeniedException", "ResourceNotFoundException"}
#: What the function itself is made of is wrong: asking again does not help, though the status says so.
_UNFIT = ("Invalid", "KMS")
#: Seconds to wait before asking again for what may pass.
_PAUSES = (0.2, 1.0, 3.0)
#: Seconds that a function may run, and some for the way.
_LONGEST = 15 * 60 + 10
#: Most bytes of a reply; Lambda itself gives six million.
_REPLY = 16 * 1024**2
#: Most of a function's own words that are shown.
_WORDS = 300
_NEVER = threading.Event()
_json = encoder()


class LambdaAsker:
    """An ``Asker``. Columns or constants: ``payload``, ``partitionBy``."""

    def __init__(self, connection: AWSLambda, options: ExternalFunctionOptions, opening: Opening) -> None:
        """Raises ConnectionFailed, also when there is no such function or it may not be called."""
        self._options = options
        self._constants = opening.constants
        self._clock = opening.clock
        self._what = f"Could not call the Lambda function {options.function_name}"
        region = function_region(connection, options.function_name, opening.outside)
        account = Account(connection.aws, opening, region)
        self._client: LambdaClient = account.client(
            "lambda",
            read_timeout=_LONGEST,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=options.parallelism,
        )
        with failing(self._what):
            self._client.invoke(FunctionName=options.function_name, InvocationType="DryRun")
        parallel = options.parallelism
        self._threads = ThreadPoolExecutor(parallel, "lambda") if parallel > 1 else None

    def ask(self, questions: Output) -> Sequence[Answer]:
        bodies = questions.columns.get("payload", questions.values)
        if self._threads is None:
            return [self._answer(body) for body in bodies]
        answers: list[Answer] = [Answer()] * len(bodies)
        lanes: list[list[int]] = [[] for _ in range(self._options.parallelism)]
        for place in range(len(bodies)):
            lanes[self._lane(questions, place)].append(place)
        list(self._threads.map(self._asking(bodies, answers), lanes))
        return answers

    def stats(self) -> Document:
        return {}

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def _asking(self, bodies: Sequence[Value], answers: list[Answer]) -> Callable[[Sequence[int]], None]:
        def ask(lane: Sequence[int]) -> None:
            for place in lane:
                answers[place] = self._answer(bodies[place])

        return ask

    def _lane(self, questions: Output, place: int) -> int:
        if self._options.partition_by is UNSET:
            return place % self._options.parallelism
        column = questions.columns.get("partitionBy")
        value = self._constants["partitionBy"] if column is None else column[place]
        return hash(bson.encode({"k": storable(value)})) % self._options.parallelism

    def _answer(self, value: Value) -> Answer:
        try:
            body = _json(value)
        except DocumentError as e:
            return Answer(refused=str(e))
        try:
            return self._answered(body)
        except _RefusedError as e:
            if self._options.on_error == "fail":
                raise ConnectionFailed(f"{self._what}: {e}", retry=False) from e
            return Answer(refused=f"{self._what}: {e}" if self._options.on_error == "dlq" else None)

    def _answered(self, body: bytes) -> Answer:
        """Raises ConnectionFailed, and _RefusedError for what ``onError`` judges."""
        answer = self._called(body)
        if self._options.execution == "async":
            return Answer()
        reply = answer["Payload"].read(_REPLY + 1)
        answer["Payload"].close()
        if "FunctionError" in answer:
            raise _RefusedError(_words(reply))
        if self._options.as_ is UNSET or not reply:
            return Answer()
        if len(reply) > _REPLY:
            raise _RefusedError(f"its reply is larger than {_REPLY} bytes")
        try:
            return Answer(parse_json(reply))
        except DocumentError as e:
            raise _RefusedError("its reply is not valid JSON") from e

    def _called(self, body: bytes) -> InvocationResponseTypeDef:
        from botocore.exceptions import BotoCoreError, ClientError

        for pause in (*_PAUSES, None):
            try:
                return self._client.invoke(
                    FunctionName=self._options.function_name,
                    InvocationType="Event" if self._options.execution == "async" else "RequestResponse",
                    Payload=body,
                )
            except (BotoCoreError, ClientError) as e:
                if isinstance(e, ClientError) and _at_fault(e):
                    raise _RefusedError(str(failed("the call was refused", e))) from e
                if pause is None or not passing(e):
                    raise failed(self._what, e) from e
            self._clock.wait(_NEVER, pause)
        raise AssertionError("the last try returns or raises")


class _RefusedError(Exception):
    """The function failed on a document, or Lambda did not take it; the text says why."""


def _at_fault(error: Any) -> bool:
    """Whether ``onError`` judges an answer of Lambda's own."""
    name = code(error)
    return name not in _SETTINGS and (name.startswith(_UNFIT) or not passing(error))


def _words(reply: bytes) -> str:
    """What a function says of its own failure: ``{errorType, errorMessage}``."""
    try:
        said = parse_json(reply)
    except DocumentError:
        said = None
    given: Mapping[str, Any] = said if isinstance(said, dict) else {}
    kind, message = given.get("errorType", "an error"), given.get("errorMessage", "")
    return f"it failed with {kind}: {message}"[:_WORDS]
