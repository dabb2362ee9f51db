"""Laws of merging, for connections made up at random."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from brookmill.connections import CONNECTIONS
from brookmill.connections.kafka import Authentication, Kafka, Security
from brookmill.connections.networking import Access, Networking
from brookmill.domain.connection import DEPLOYMENT, at, changed, merged, missing, secrets, settled
from brookmill.domain.names import new_id
from brookmill.domain.secret import Secret

TEXT = st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=5)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(UNSET), strategy)


def structs(type_: Any, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(type_, **{name: maybe(strategy) for name, strategy in members.items()})


SECRET = TEXT.map(Secret)
MECHANISM = st.sampled_from(sorted(Authentication.variants.members))
KAFKA = structs(
    Kafka,
    bootstrap_servers=TEXT,
    config=st.dictionaries(TEXT, TEXT, max_size=2),
    authentication=structs(
        Authentication,
        mechanism=MECHANISM,
        username=TEXT,
        password=SECRET,
        client_id=TEXT,
        client_secret=SECRET,
        ssl_certificate=TEXT,
        ssl_key=SECRET,
    ),
    security=structs(Security, protocol=TEXT, broker_public_certificate=TEXT),
    networking=structs(Networking, access=structs(Access, type=st.sampled_from(["PUBLIC", "VPC"]))),
)


@given(KAFKA)
def test_merging_nothing_changes_nothing(kept: Kafka) -> None:
    assert merged(kept, Kafka()) == kept
    assert merged(Kafka(), kept) == kept
    assert merged(kept, kept) == kept


@given(KAFKA, KAFKA)
def test_merging_twice_is_merging_once(kept: Kafka, sent: Kafka) -> None:
    once = merged(kept, sent)
    assert merged(once, sent) == once


@given(KAFKA, KAFKA)
def test_what_was_sent_is_there(kept: Kafka, sent: Kafka) -> None:
    now = merged(kept, sent)
    for path in ("bootstrapServers", "config", "authentication.username", "security.protocol"):
        if at(sent, path) is not UNSET:
            assert at(now, path) == at(sent, path)
    assert set(secrets(sent)) <= set(secrets(now))


@given(KAFKA, KAFKA)
def test_another_mechanism_takes_over_no_secret_of_a_login(kept: Kafka, sent: Kafka) -> None:
    new = at(sent, "authentication.mechanism")
    if new in (UNSET, at(kept, "authentication.mechanism")) or kept.authentication is UNSET:
        return
    now = merged(kept, sent)
    for path in ("authentication.password", "authentication.clientSecret"):
        assert at(now, path) == at(sent, path)
    stays = Authentication.variants.members[new]
    if "username" not in stays:
        assert at(now, "authentication.username") == at(sent, "authentication.username")
    if at(sent, "authentication.sslKey") is UNSET:
        assert at(now, "authentication.sslKey") == at(kept, "authentication.sslKey")


@given(KAFKA)
def test_filling_changes_nothing_that_is_there(kept: Kafka) -> None:
    filled = kept.filled()
    assert filled.filled() == filled
    assert merged(filled, kept) == filled
    assert at(filled, "networking.access.type") in {"PUBLIC", "VPC"}
    assert not changed(filled, kept)


@pytest.mark.parametrize("name", sorted(CONNECTIONS))
def test_a_type_says_what_it_needs(name: str) -> None:
    shape = CONNECTIONS[name]
    assert shape().type == name
    assert missing(shape()) == list(shape.required)
    assert not list(shape().problems())
    for path in (*shape.required, *shape.immutable):
        assert path.split(".", maxsplit=1)[0] in shape.__struct_encode_fields__


def test_a_deployment_ends_by_itself() -> None:
    pending = Kafka(id=new_id(1000.9), name="k", state="PENDING")
    assert settled(pending, 1000.9) == pending
    assert settled(pending, 1000 + DEPLOYMENT - 0.1) == pending
    assert settled(pending, 1000 + DEPLOYMENT).state == "READY"
    failed = msgspec.structs.replace(pending, state="FAILED")
    assert settled(failed, 10_000) == failed
