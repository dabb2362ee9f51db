"""Hosts, servers and URLs: private and local ones are fine, broken ones are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brookmill.connections.host import LONGEST_URL, is_http_url, is_server

SERVERS = [
    "localhost",
    "localhost:9092",
    "10.0.0.1:1",
    "a.b.c:65535",
    "[::1]:9092",
    "[fe80::1]",
    "my_broker:1",
    "a.",
]
NO_SERVERS = [
    "",
    ":9092",
    "a:",
    "a:0",
    "a:65536",
    "a:9x",
    "a:１",
    "a b:1",
    "a/b:1",
    "-a:1",
    "a-:1",
    "1.2.3:1",
    "1.2.3.400",
    "::1:9092",
    "[a]:1",
    "[::1]9092",
    "kafka://a:1",
    "a@b:1",
    "a..b:1",
    "x" * 254,
]
URLS = [
    "http://a",
    "https://a.b:8443/x?y=%20#z",
    "http://127.0.0.1:1/",
    "http://[::1]/",
    "https://user:pw@host/",
]
NO_URLS = [
    "",
    "a",
    "/x",
    "http://",
    "http:///x",
    "http://a b",
    "http://a\n",
    "http://a:99999",
    "http://a:0",
    "http://a:x",
    "http://[::1",
    "ftp://a",
    "javascript:alert(1)",
    "http://a\\b",
    "http://" + "a/" * LONGEST_URL,
]


@pytest.mark.parametrize("text", SERVERS)
def test_servers(text: str) -> None:
    assert is_server(text)


@pytest.mark.parametrize("text", NO_SERVERS)
def test_what_is_no_server(text: str) -> None:
    assert not is_server(text)


@pytest.mark.parametrize("text", URLS)
def test_urls(text: str) -> None:
    assert is_http_url(text)


@pytest.mark.parametrize("text", NO_URLS)
def test_what_is_no_url(text: str) -> None:
    assert not is_http_url(text)


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_server(text) in {True, False}
    assert is_http_url("http://" + text) in {True, False}
