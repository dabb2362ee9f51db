"""Which hosts connections may lead to: hostile spellings, hostile names, hostile resolvers."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from brookmill.config import Outside
from brookmill.connections.egress import forbidden, judge
from brookmill.errors import ConnectionFailed

PUBLIC = Outside()
ANYWHERE = Outside(allow_private=True)

NEVER = [
    ("169.254.169.254", "link-local"),
    ("169.254.170.2", "link-local"),
    ("169.254.0.1", "link-local"),
    ("::ffff:169.254.169.254", "link-local"),
    ("::ffff:a9fe:a9fe", "link-local"),
    ("::169.254.169.254", "link-local"),
    ("::ffff:0:a9fe:a9fe", "link-local"),
    ("64:ff9b::169.254.169.254", "link-local"),
    ("64:ff9b:1::a9fe:a9fe", "link-local"),
    ("2002:a9fe:a9fe::1", "link-local"),
    ("2001:0:a9fe:a9fe::1", "link-local"),
    ("2001:0:808:808:0:0:5601:5601", "link-local"),
    ("2606:4700::5efe:a9fe:a9fe", "link-local"),
    ("2606:4700::200:5efe:a9fe:a9fe", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fd00:ec2::254", "metadata"),
    ("fd00:ec2::23", "metadata"),
    ("fd20:ce::254", "metadata"),
    ("100.100.100.200", "metadata"),
    ("168.63.129.16", "metadata"),
    ("192.0.0.192", "metadata"),
    ("64:ff9b::6464:64c8", "metadata"),
    ("0.0.0.0", "wildcard"),
    ("0.1.2.3", "wildcard"),
    ("::", "wildcard"),
    ("::ffff:0.0.0.0", "wildcard"),
    ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
]
INSIDE = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    ("::ffff:127.0.0.1", "loopback"),
    ("64:ff9b::7f00:1", "loopback"),
    ("2002:7f00:1::", "loopback"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("100.64.0.1", "private"),
    ("100.127.255.255", "private"),
    ("198.18.0.1", "private"),
    ("fd12:3456::1", "private"),
    ("fc00::1", "private"),
    ("fec0::1", "private"),
    ("::ffff:10.0.0.1", "private"),
    ("64:ff9b::a00:1", "private"),
    ("2002:a00:1::", "private"),
]
OPEN = ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize(("address", "kind"), NEVER)
def test_nobody_connects_there_whatever_the_setting(address: str, kind: str) -> None:
    for outside in (PUBLIC, ANYWHERE, Outside(allow_private=False)):
        assert f"{kind} address, where no connection may lead" in str(forbidden(address, outside))


@pytest.mark.parametrize(("address", "kind"), INSIDE)
def test_inside_addresses_need_the_setting(address: str, kind: str) -> None:
    assert f"{kind} address, where connections may lead only with the setting allow_private" in str(
        forbidden(address, PUBLIC)
    )
    assert forbidden(address, ANYWHERE) is None


@pytest.mark.parametrize("address", OPEN)
def test_everybody_may_connect_to_public_addresses(address: str) -> None:
    assert forbidden(address, PUBLIC) is None


#: How a hostile user may write the metadata service; each is a URL that clients take.
URLS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254:80/",
    "http://169.254.169.254.:80/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0xA9.0xFE.0xA9.0xFE/",
    "http://0251.0376.0251.0376/",
    "http://025177524776/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://0xa9.254.0251.254/",
    "http://00000251.0376.0251.0376/",
    "http://１６９.254.169.254/",
    "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
    "http://169。254。169。254/",
    "http://user:pass@169.254.169.254/",
    "http://example.com@169.254.169.254/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[::a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fe80::a9fe:a9fe]/",
    "http://[fe80::1%25lo]/",
    "http://[fd00:ec2::254]/",
    "http://[::]/",
    "http://0/",
    "http://0.0.0.0:8080/",
    "http://00.0/",
    "http://255.255.255.255/",
    "http://metadata/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.INTERNAL./",
    "http://ｍetadata.google.internal/",
    "http://metadata。google。internal/",
    "http://metadata.goog/",
    "http://instance-data/latest/",
    "http://100.100.100.200/latest/",
    "http://1684300900.:1/",
    "http://168.63.129.16/machine",
    "http://224.0.0.251:5353/",
]


@pytest.mark.parametrize("url", URLS)
def test_hostile_urls_lead_nowhere(url: str) -> None:
    parts = urlsplit(url)
    with pytest.raises(ConnectionFailed) as failure:
        judge(parts.hostname or "", parts.port or 80, ANYWHERE)
    assert "pass" not in str(failure.value)
    assert not failure.value.retry or "has no address" in str(failure.value)


def test_a_refusal_is_final_and_clear() -> None:
    with pytest.raises(ConnectionFailed, match=r"the host 10\.1\.2\.3 is at a private address") as failure:
        judge("10.1.2.3", 80, PUBLIC)
    assert (failure.value.retry, failure.value.code) == (False, 420)
    assert failure.value.name == "StreamProcessorInvalidOptions"


def test_one_bad_address_among_good_ones_is_enough() -> None:
    with pytest.raises(ConnectionFailed, match="link-local"):
        judge("mixed.example", 80, ANYWHERE, lambda _host, _port: ["8.8.8.8", "169.254.169.254"])


def test_a_name_that_leads_inside_is_refused_without_telling_where() -> None:
    with pytest.raises(ConnectionFailed) as failure:
        judge("inside.example", 80, PUBLIC, lambda _host, _port: ["10.11.12.13"])
    assert "10.11.12.13" not in str(failure.value)


def test_a_name_without_an_address_may_get_one() -> None:
    with pytest.raises(ConnectionFailed, match=r"nowhere\.invalid has no address") as failure:
        judge("nowhere.invalid", 80, PUBLIC)
    assert failure.value.retry


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a\0b", "", "a..b", "xn--\x80", "h\r\nx"])
def test_what_is_no_name_is_no_bug_of_ours(host: str) -> None:
    with pytest.raises(ConnectionFailed) as failure:
        judge(host, 80, PUBLIC)
    assert str(failure.value).isprintable()
