"""Who is at the other end of a connection, as far as is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from brookmill.runtime.sample import Sample
from brookmill.wire.login import Login

#: Seconds that a client whose connection is lost has to fetch over another one.
GRACE: Final = 3.0


@dataclass(slots=True)
class Peer:
    """``number``: of the connection. ``address``: the peer's. ``server_name``: what a TLS client called us.

    ``application``: what the client calls itself in its first hello, "" before. ``doomed``: the connection is
    to end after the answer. ``samples``: those that were last fetched from over this connection, which may be
    ``gone`` while a command still runs in its thread.
    """

    number: int
    address: str
    login: Login
    server_name: str | None = None
    application: str = ""
    doomed: bool = False
    samples: frozenset[Sample] = frozenset()
    gone: bool = False

    @property
    def is_mongosh(self) -> bool:
        return self.application.startswith("mongosh")

    def fetches(self, sample: Sample) -> None:
        """Somebody at this end looks at ``sample``. Safe beside ``lost``: one of the two sees the other."""
        sample.client = self.number
        others = (one for one in self.samples if one.client == self.number and not one.closed)
        self.samples = frozenset((sample, *others))
        if self.gone:
            sample.hang_up(GRACE)

    def lost(self) -> None:
        """The connection is gone; what nobody else fetches ends soon."""
        self.gone = True
        for sample in self.samples:
            if sample.client == self.number:
                sample.hang_up(GRACE)
