"""TLS handshakes: strangers like all others while they last, and nothing is left of them at the end."""

from __future__ import annotations

import gc
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from servers import wait_until
from wire_peer import PING, Peer
from wired import Wire, wired

from brookmill.wire import connection

Certified = tuple[ssl.SSLContext, str]


def hello(trusting: str) -> bytes:
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=trusting).wrap_bio(
        incoming, outgoing, server_hostname="localhost"
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_all_that_are_under_way_end_with_the_door(
    tmp_path: Path, certified: Certified, recwarn: pytest.WarningsRecorder
) -> None:
    context, authority = certified
    said = hello(authority)
    stages = [b"", said[:5], said[:-1], said]  # nothing; a part; nearly all; the client's turn again
    with ExitStack() as stack:
        come: list[socket.socket] = []
        with wired(tmp_path, tls=context) as wire:
            for first in stages * 5:
                come.append(stack.enter_context(socket.create_connection(wire.address, timeout=20)))
                come[-1].sendall(first)
            trusting = ssl.create_default_context(cafile=authority)
            whole = stack.enter_context(
                trusting.wrap_socket(
                    socket.create_connection(wire.address, timeout=20), server_hostname="localhost"
                )
            )
            assert Peer(whole).ask(PING) == {"ok": 1.0}
            wait_until(lambda: len(wire.peers) == len(come) + 1, what="all of them")
            come += [
                stack.enter_context(socket.create_connection(wire.address, timeout=20)) for _ in range(20)
            ]  # of these the server may not have heard yet
        for sock in [*come, whole]:
            assert ended(sock)
    gc.collect()
    assert [str(one.message) for one in recwarn if one.category is ResourceWarning] == []


def ended(sock: Any) -> bool:
    """Whether the server hangs up, whatever it said before."""
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


def test_who_never_comes_to_an_end_is_gone(secure: tuple[Wire, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE", 0.2)
    wire, _ = secure
    before = len(wire.peers)
    with ExitStack() as stack:
        come = [stack.enter_context(socket.create_connection(wire.address, timeout=20)) for _ in range(10)]
        assert all(map(ended, come))
        wait_until(lambda: len(wire.peers) <= before, what="their places")


def test_who_speaks_no_tls_is_gone_at_once(secure: tuple[Wire, str]) -> None:
    wire, _ = secure
    with socket.create_connection(wire.address, timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert ended(sock)
