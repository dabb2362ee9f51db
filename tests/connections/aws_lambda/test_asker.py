"""Calling functions: what they are sent, what comes of their replies, and what follows when they fail."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from aws_server import Cloud
from bson import Decimal128, Int64, ObjectId
from servers import Endpoint, wait_until

from brookmill.clock import VirtualClock
from brookmill.config import Outside
from brookmill.connections import Answer, Opening, Output
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws_lambda import AWSLambda
from brookmill.connections.aws_lambda.asker import LambdaAsker
from brookmill.connections.aws_lambda.options import ExternalFunctionOptions
from brookmill.errors import ConnectionFailed
from brookmill.mql.values import MISSING

FUNCTION = """
import json, os, time

def handler(event, context):
    if event.get("fail"):
        raise ValueError("cannot do " + str(event["fail"]))
    if event.get("wait"):
        time.sleep(event["wait"])
    if "give" in event:
        return event["give"]
    return {"sum": event.get("a", 0) + event.get("b", 0), "saw": event}
"""
#: Leaves what it was sent in a folder, one file a call.
NOTING = """
import json, uuid

def handler(event, context):
    with open("%s/" + str(uuid.uuid4()), "w") as file:
        json.dump(event, file)
    if event.get("fail"):
        raise ValueError
"""


@pytest.fixture(scope="module")
def function(cloud: Cloud) -> str:
    return cloud.function(FUNCTION)


@contextmanager
def asker(cloud: Cloud, function: str, role: str | None = None, **fields: Any) -> Iterator[LambdaAsker]:
    spec = {"connectionName": "f", "functionName": function, "as": "r", **fields}
    if spec["as"] is None:
        del spec["as"]
    options = msgspec.convert(spec, ExternalFunctionOptions)
    assert list(options.problems({})) == []
    opened = LambdaAsker(AWSLambda(aws=AWSConfig(role_arn=role or cloud.role)), options, cloud.opening())
    try:
        yield opened
    finally:
        opened.close()


def test_a_function_gets_the_document_and_its_reply_is_the_answer(cloud: Cloud, function: str) -> None:
    id_ = ObjectId("0123456789abcdef01234567")
    document = {"_id": id_, "a": 1, "b": Int64(2), "d": Decimal128("1.5")}
    with asker(cloud, function) as asking:
        [answer] = asking.ask(Output([document]))
    assert answer == Answer({"sum": 3, "saw": {"_id": id_, "a": 1, "b": 2, "d": Decimal128("1.5")}})


def test_a_payload_is_sent_instead_of_the_document(cloud: Cloud, function: str) -> None:
    with asker(cloud, function) as asking:
        [answer] = asking.ask(Output([{"a": 100}], {"payload": [{"a": 1, "b": 1}]}))
    assert answer.value["sum"] == 2


@pytest.mark.parametrize("give", [None, 5, "text", [1, {"x": None}], {}, {"$date": "2024-01-01T00:00:00Z"}])
def test_a_reply_may_be_any_value(cloud: Cloud, function: str, give: Any) -> None:
    with asker(cloud, function) as asking:
        [answer] = asking.ask(Output([{"give": give}]))
    if isinstance(give, dict) and give:
        assert answer.value.isoformat() == "2024-01-01T00:00:00+00:00"
    else:
        assert answer == Answer(give)


def test_a_function_that_fails_is_for_on_error_to_judge(cloud: Cloud, function: str) -> None:
    questions = Output([{"a": 1}, {"fail": "that"}, {"a": 3}])
    with asker(cloud, function) as asking:
        one, other, third = asking.ask(questions)
    assert (one.value["sum"], third.value["sum"]) == (1, 3)
    assert other.value is MISSING
    assert other.refused is not None
    assert re.search(r": it failed with \S+: cannot do that$", other.refused)
    with asker(cloud, function, onError="ignore") as asking:
        assert asking.ask(questions)[1] == Answer()
    with asker(cloud, function, onError="fail") as asking:
        with pytest.raises(ConnectionFailed, match="cannot do that") as failure:
            asking.ask(questions)
        assert not failure.value.retry


def test_as_a_sink_a_reply_matters_only_when_it_is_a_failure(cloud: Cloud, function: str) -> None:
    with asker(cloud, function, **{"as": None}) as asking:
        one, other = asking.ask(Output([{"a": 1}, {"fail": 1}]))
    assert one == Answer()
    assert other.refused is not None


def test_an_async_call_returns_before_the_function_has_run(cloud: Cloud, tmp_path: Any) -> None:
    function = cloud.function(NOTING % tmp_path)
    with asker(cloud, function, execution="async", **{"as": None}) as asking:
        assert asking.ask(Output([{"n": n, "fail": n == 2} for n in range(4)])) == [Answer()] * 4

    def noted() -> list[int]:
        return sorted({json.loads(file.read_text() or '{"n": -1}')["n"] for file in tmp_path.iterdir()})

    wait_until(lambda: noted() == [0, 1, 2, 3], what="four calls")


def test_calls_side_by_side_keep_answers_in_order_and_partitions_in_turn(cloud: Cloud, tmp_path: Any) -> None:
    function = cloud.function(FUNCTION)
    documents = [{"a": n, "wait": 0.05 * (n % 3)} for n in range(12)]
    keys = [n % 4 for n in range(12)]
    with asker(cloud, function, parallelism=4, partitionBy="$k") as asking:
        answers = asking.ask(Output([*documents], {"partitionBy": keys}))
    assert [answer.value["sum"] for answer in answers] == [*range(12)]
    with asker(cloud, function, parallelism=4) as asking:
        answers = asking.ask(Output([*documents]))
    assert [answer.value["sum"] for answer in answers] == [*range(12)]


def test_a_document_that_cannot_become_json_is_refused_whatever_on_error_says(
    cloud: Cloud, function: str
) -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    with asker(cloud, function, onError="ignore") as asking:
        [answer] = asking.ask(Output([{"a": deep}]))
    assert answer.refused is not None


def test_a_function_that_is_not_there_fails_for_good(cloud: Cloud) -> None:
    with pytest.raises(ConnectionFailed, match="ResourceNotFoundException") as failure, asker(cloud, "none"):
        pass
    assert not failure.value.retry
    assert "Could not call the Lambda function none" in str(failure.value)


def test_a_role_without_the_right_to_call_fails_for_good(cloud: Cloud, function: str) -> None:
    role = cloud.allow("s3:PutObject")
    with (
        pytest.raises(ConnectionFailed, match="lambda:InvokeFunction") as failure,
        asker(cloud, function, role=role),
    ):
        pass
    assert not failure.value.retry


def test_a_function_may_be_named_by_its_arn(cloud: Cloud, function: str) -> None:
    arn = cloud.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    with asker(cloud, arn) as asking:
        assert asking.ask(Output([{"a": 1}]))[0].value["sum"] == 1


def answered(endpoint: Endpoint, on_error: str = "dlq") -> tuple[Any, VirtualClock]:
    """What comes of one document when ``endpoint`` stands for Lambda."""
    clock = VirtualClock()
    outside = Outside(
        aws_endpoint_url=endpoint.url,
        aws_credentials="static",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        allow_private=True,
    )
    options = ExternalFunctionOptions(connection_name="f", function_name="f", as_="r", on_error=on_error)  # type: ignore[arg-type]
    asking = LambdaAsker(AWSLambda(), options, Opening("p" * 24, clock, outside=outside))
    try:
        return asking.ask(Output([{"a": 1}]))[0], clock
    except ConnectionFailed as failure:
        return failure, clock
    finally:
        asking.close()


def failing(endpoint: Endpoint, status: int, name: str, times: int = 99) -> None:
    """Let all calls but the first, the trial, fail, ``times`` times."""
    calls = iter([204, *[status] * times])
    endpoint.headers = {"x-amzn-errortype": name}
    endpoint.answer = lambda _: next(calls, 200)


@pytest.mark.parametrize(
    ("status", "name"),
    [(429, "TooManyRequestsException"), (500, "ServiceException"), (502, "EC2ThrottledException")],
)
def test_what_passes_is_asked_again_with_pauses(endpoint: Endpoint, status: int, name: str) -> None:
    failing(endpoint, status, name, 2)
    answer, clock = answered(endpoint)
    assert answer == Answer({})
    assert clock.monotonic() == pytest.approx(1.2)
    endpoint.requests.clear()
    failing(endpoint, status, name)
    failure, clock = answered(endpoint, "ignore")
    assert isinstance(failure, ConnectionFailed)
    assert failure.retry
    assert len(endpoint.requests) == 5
    assert clock.monotonic() == pytest.approx(4.2)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (413, "RequestTooLargeException"),
        (400, "InvalidRequestContentException"),
        (502, "KMSDisabledException"),
        (502, "InvalidRuntimeException"),
    ],
)
def test_what_lambda_refuses_is_for_on_error_to_judge(endpoint: Endpoint, status: int, name: str) -> None:
    failing(endpoint, status, name)
    answer, _ = answered(endpoint)
    assert name in answer.refused
    failing(endpoint, status, name)
    assert answered(endpoint, "ignore")[0] == Answer()
    failing(endpoint, status, name)
    failure, _ = answered(endpoint, "fail")
    assert isinstance(failure, ConnectionFailed)
    assert not failure.retry
    assert len(endpoint.requests) == 6


@pytest.mark.parametrize(
    ("status", "name"), [(403, "AccessDeniedException"), (404, "ResourceNotFoundException")]
)
def test_wrong_settings_are_never_for_on_error_to_judge(endpoint: Endpoint, status: int, name: str) -> None:
    failing(endpoint, status, name)
    failure, _ = answered(endpoint, "ignore")
    assert isinstance(failure, ConnectionFailed)
    assert not failure.retry


WRONG = [
    ({"functionName": ""}, "regex"),
    ({"functionName": "a/../b"}, "regex"),
    ({"functionName": "a", "execution": "later"}, "Invalid enum"),
    ({"functionName": "a", "parallelism": 0}, ">= 1"),
    ({"functionName": "a", "payload": {}}, "array"),
]


@pytest.mark.parametrize(("fields", "text"), WRONG)
def test_options_that_cannot_be(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=text):
        msgspec.convert({"connectionName": "f", **fields}, ExternalFunctionOptions)


NOT_TOGETHER = [
    ({"execution": "async", "as": "r"}, "as"),
    ({"execution": "async", "parallelism": 2}, "parallelism"),
    ({"partitionBy": "$a", "as": "r"}, "partitionBy"),
]


@pytest.mark.parametrize(("fields", "member"), NOT_TOGETHER)
def test_options_that_do_not_go_together(fields: dict[str, Any], member: str) -> None:
    spec = {"connectionName": "f", "functionName": "f", **fields}
    [(path, text)] = msgspec.convert(spec, ExternalFunctionOptions).problems({})
    assert path == (member,)
    assert member in text


def test_a_call_that_is_under_way_when_it_closes_is_waited_for(cloud: Cloud, function: str) -> None:
    with asker(cloud, function, parallelism=2) as asking:
        thread = threading.Thread(target=asking.ask, args=[Output([{"wait": 0.3}, {"wait": 0.3}])])
        thread.start()
        wait_until(lambda: len(asking._threads._threads) == 2, what="two calls under way")  # type: ignore[union-attr]
    thread.join(10)
    assert not thread.is_alive()
