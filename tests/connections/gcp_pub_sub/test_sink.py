"""Publishing to Pub/Sub: what a message holds, what goes in one request, as whom, and what is said if not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bson import Decimal128, Int64
from pub_sub_server import OTHER, OWNER, PROJECT, PubSub, key_file
from servers import free_port

from brookmill.clock import VirtualClock
from brookmill.connections import Opening, Output
from brookmill.connections.gcp_pub_sub import GCPConfig, GCPPubSub
from brookmill.connections.gcp_pub_sub.options import PubSubSinkOptions
from brookmill.connections.gcp_pub_sub.sink import PubSubSink
from brookmill.errors import ConnectionFailed
from brookmill.mql import MISSING


@contextmanager
def opened(
    pub_sub: PubSub,
    topic: str | None,
    *,
    account: str | None = None,
    settings: dict[str, Any] | None = None,
    constants: dict[str, Any] | None = None,
) -> Iterator[PubSubSink]:
    given = {"connectionName": "g", "projectId": PROJECT, "topic": "", "region": "europe-west1"}
    options = msgspec.convert(given, PubSubSinkOptions)
    outside = pub_sub.outside(**(settings or {}))
    constants = (constants or {}) | ({} if topic is None else {"topic": topic})
    opening = Opening("p" * 24, VirtualClock(), constants=constants, outside=outside)
    connection = GCPPubSub(gcp=GCPConfig(service_account_id=account)) if account else GCPPubSub()
    sink = PubSubSink(connection, options, opening)
    try:
        yield sink
    finally:
        sink.close()


def texts(count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(count)]


def test_documents_become_messages_in_their_order(pub_sub: PubSub) -> None:
    topic = pub_sub.topic()
    with opened(pub_sub, topic) as sink:
        assert sink.write(Output(texts(2500))) == []
        assert sink.flush() == []
    assert [m.data for m in pub_sub.topics[topic]] == texts(2500)
    assert len(pub_sub.requests) == 3
    assert set(pub_sub.publishers) == {OWNER}


def test_columns_give_every_message_its_own(pub_sub: PubSub) -> None:
    one, two = pub_sub.topic(), pub_sub.topic()
    columns: dict[str, list[Any]] = {
        "topic": [one, two, one],
        "orderingKey": ["k", None, MISSING],
        "attributes.a": ["é", Int64(7), None],
        "attributes.b": [True, 1.5, Decimal128("1.10")],
        "meta": [{}] * 3,
    }
    with opened(pub_sub, None, constants={"attributes.c": "c"}) as sink:
        assert sink.write(Output(texts(3), columns)) == []
    first, third = pub_sub.topics[one]
    (second,) = pub_sub.topics[two]
    assert (first.data, first.ordering_key) == (b'{"n":0}', "k")
    assert dict(first.attributes) == {"a": "é", "b": "true", "c": "c"}
    assert (second.ordering_key, dict(second.attributes)) == ("", {"a": "7", "b": "1.5", "c": "c"})
    assert (third.ordering_key, dict(third.attributes)) == ("", {"b": "1.10", "c": "c"})


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("topic", 5, "topic must be a string that can name one"),
        ("topic", "goog-is-not-yours", "topic must be"),
        ("topic", "a/../../b:publish?x=", "topic must be"),
        ("topic", None, "topic must be"),
        ("orderingKey", 5, "orderingKey must give a string"),
        ("orderingKey", "k" * 1025, "at most 1024 bytes"),
        ("attributes.a", {"x": 1}, "attribute a must be"),
        ("attributes.a", "x" * 1025, "larger than 1024 bytes"),
        ("attributes.a", "\ud800", "valid UTF-8"),
    ],
)
def test_what_no_message_can_hold_is_a_dead_letter(
    pub_sub: PubSub, column: str, value: Any, reason: str
) -> None:
    topic = pub_sub.topic()
    columns = {
        "topic": [topic] * 2,
        column: [value, "fine" if column != "topic" else topic],
        "meta": [{"i": 1}] * 2,
    }
    with opened(pub_sub, None) as sink:
        (letter,) = sink.write(Output(texts(2), columns))
    assert reason in letter.reason
    assert (letter.operator, letter.document, letter.meta) == (
        PubSubSinkOptions.operator,
        b'{"n":0}',
        {"i": 1},
    )
    assert [m.data for m in pub_sub.topics[topic]] == [b'{"n":1}']


def test_a_message_has_at_most_ten_megabytes(pub_sub: PubSub) -> None:
    topic = pub_sub.topic()
    with opened(pub_sub, topic) as sink:
        (letter,) = sink.write(Output([b"x" * 10_000_001, b"x" * 10_000_000, b"small"]))
    assert "larger than 10000000 bytes" in letter.reason
    assert [len(m.data) for m in pub_sub.topics[topic]] == [10_000_000, 5]


def test_large_messages_go_in_several_requests(pub_sub: PubSub) -> None:
    topic = pub_sub.topic()
    with opened(pub_sub, topic) as sink:
        sink.write(Output([b"x" * 1_000_000] * 8))
    assert len(pub_sub.topics[topic]) == 8
    assert max(len(r.body) for r in pub_sub.requests) < 5_000_000


def test_one_message_that_is_refused_takes_no_other_along(pub_sub: PubSub) -> None:
    topic = pub_sub.topic()
    with opened(pub_sub, topic) as sink:
        (letter,) = sink.write(Output([b"one", b"REFUSE me", b"two"]))
    assert "INVALID_ARGUMENT: One or more messages" in letter.reason
    assert letter.document == b"REFUSE me"
    assert [m.data for m in pub_sub.topics[topic]] == [b"one", b"two"]


def test_a_topic_must_be_there(pub_sub: PubSub) -> None:
    with opened(pub_sub, "none") as sink, pytest.raises(ConnectionFailed) as failure:
        sink.write(Output(texts(1)))
    assert "topic none: NOT_FOUND: Resource not found (resource=none)." in str(failure.value)
    assert not failure.value.retry


@pytest.mark.parametrize("topic", ["a%20b", "a+b~c", "A.b_c-d%"])
def test_names_of_topics_are_not_changed_on_the_way(pub_sub: PubSub, topic: str) -> None:
    pub_sub.topics[topic] = []
    with opened(pub_sub, topic) as sink:
        assert sink.write(Output(texts(1))) == []
    assert len(pub_sub.topics[topic]) == 1


def test_a_processor_writes_to_a_thousand_topics(pub_sub: PubSub) -> None:
    names = [f"topic-{n}" for n in range(1001)]
    with opened(pub_sub, None) as sink:
        sink._topics |= set(names[:1000])
        (letter,) = sink.write(Output(texts(1), {"topic": names[1000:], "meta": [{}]}))
    assert "at most 1000 Pub/Sub topics" in letter.reason


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble_passes_unseen_or_fails(pub_sub: PubSub, status: int) -> None:
    topic = pub_sub.topic()
    with opened(pub_sub, topic) as sink:
        pub_sub.refuse[:] = [status] * 3
        assert sink.write(Output(texts(1))) == []
        pub_sub.refuse[:] = [status] * 4
        with pytest.raises(ConnectionFailed, match="UNAVAILABLE: try later") as failure:
            sink.write(Output(texts(1)))
    assert failure.value.retry
    assert len(pub_sub.topics[topic]) == 1


def test_the_account_that_the_connection_names_is_impersonated(pub_sub: PubSub) -> None:
    topic = pub_sub.topic()
    for account, settings, publisher in (
        (OTHER, {}, OTHER),
        (OTHER, {"gcp_credentials": "static"}, OWNER),
        (OWNER, {}, OWNER),
    ):
        with opened(pub_sub, topic, account=account, settings=settings) as sink:
            assert sink.write(Output(texts(1))) == []
        assert pub_sub.publishers.pop() == publisher


def test_who_may_not_be_impersonated_is_not(pub_sub: PubSub) -> None:
    with (
        pytest.raises(
            ConnectionFailed, match="Could not log in to Google Cloud: Unable to acquire impers"
        ) as failure,
        opened(pub_sub, "t", account="boss@mill-project.iam.gserviceaccount.com"),
    ):
        pass
    assert not failure.value.retry


@pytest.mark.parametrize("account", ["../../x@y", "a@b/../c", "a b", "x?y@z", ""])
def test_an_account_leads_to_no_other_place(pub_sub: PubSub, account: str) -> None:
    connection = GCPPubSub(gcp=GCPConfig(service_account_id=account))
    options = PubSubSinkOptions(connection_name="g", project_id=PROJECT, topic="t", region="europe-west1")
    with pytest.raises(ConnectionFailed, match="is not the name of a service account"):
        PubSubSink(connection, options, Opening("p", VirtualClock(), outside=pub_sub.outside()))


def test_a_wrong_key_is_told_and_not_shown(pub_sub: PubSub, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    key_file(file, pub_sub.url)
    with (
        pytest.raises(ConnectionFailed, match="invalid_grant: Invalid JWT Signature") as failure,
        opened(pub_sub, "t", settings={"gcp_credentials_file": str(file)}),
    ):
        pass
    assert not failure.value.retry
    assert "assertion" not in str(failure.value)
    assert "PRIVATE KEY" not in str(failure.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read"),
        ("no JSON", "cannot be read"),
        ("[]", "is not the key of a service account"),
        ('{"type":"authorized_user"}', "is not the key of a service account"),
        ('{"type":"service_account","client_email":"a@b","token_uri":"x"}', "is not a valid key"),
        (
            '{"type":"service_account","client_email":"a@b","token_uri":"x","private_key":"x"}',
            "is not a valid key",
        ),
    ],
)
def test_a_key_file_that_is_none_is_told(
    pub_sub: PubSub, tmp_path: Path, content: str | None, text: str
) -> None:
    file = tmp_path / "no-key.json"
    if content is not None:
        file.write_text(content)
    with (
        pytest.raises(
            ConnectionFailed, match=f"gcp_credentials_file in Brookmill's settings {text}"
        ) as failure,
        opened(pub_sub, "t", settings={"gcp_credentials_file": str(file)}),
    ):
        pass
    assert failure.value.code == 420


def test_without_a_key_only_another_server_can_be_talked_to(pub_sub: PubSub) -> None:
    none = {"gcp_credentials_file": None}
    with (
        pytest.raises(ConnectionFailed, match="hold no gcp_credentials_file"),
        opened(pub_sub, "t", settings=none | {"gcp_endpoint_url": None}),
    ):
        pass
    with opened(pub_sub, pub_sub.topic(), settings=none) as sink:
        with pytest.raises(ConnectionFailed, match="UNAUTHENTICATED"):
            sink.write(Output(texts(1)))
        assert "authorization" not in pub_sub.requests[0].headers


@pytest.mark.parametrize(
    ("settings", "text", "retry"),
    [
        ({"gcp_endpoint_url": "http://169.254.169.254"}, "is at a link-local address", False),
        ({"gcp_endpoint_url": f"http://127.0.0.1:{free_port()}"}, "the connection was refused", True),
        ({"gcp_endpoint_url": "http://nowhere.invalid"}, "nowhere.invalid has no address", True),
    ],
)
def test_where_nobody_is_or_may_be_asked(pub_sub: PubSub, settings: Any, text: str, retry: bool) -> None:
    with opened(pub_sub, "topic", settings=settings) as sink, pytest.raises(ConnectionFailed) as failure:
        sink.write(Output(texts(1)))
    assert text in str(failure.value)
    assert failure.value.retry is retry


def test_a_key_that_leads_to_the_metadata_service_leads_nowhere(pub_sub: PubSub, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    key_file(file, "http://169.254.169.254")
    with (
        pytest.raises(ConnectionFailed, match="is at a link-local address"),
        opened(pub_sub, "t", settings={"gcp_credentials_file": str(file)}),
    ):
        pass


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("projectId", "a/b"),
        ("projectId", "x"),
        ("region", "evil.example/"),
        ("region", "europe-west1.evil"),
        ("region", "localhost:1/"),
        ("region", ""),
        ("extra", 1),
    ],
)
def test_options_lead_to_no_other_place(member: str, value: Any) -> None:
    given = {"connectionName": "g", "projectId": PROJECT, "topic": "t", "region": "europe-west1"}
    assert msgspec.convert(given, PubSubSinkOptions).region == "europe-west1"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given | {member: value}, PubSubSinkOptions)
