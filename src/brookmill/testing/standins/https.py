"""Endpoints in memory: the real asker, whose requests go to the test instead of the network."""

from __future__ import annotations

import httpx

from brookmill.connections import Asker, Opening
from brookmill.connections.https import Https
from brookmill.connections.https.asker import HttpsAsker
from brookmill.connections.https.options import HttpsOptions
from brookmill.testing.standins import STANDINS
from brookmill.testing.world import World


class WebAsker(HttpsAsker):
    """The real asker over a transport in memory."""

    def __init__(self, connection: PlayedHttps, options: HttpsOptions, opening: Opening) -> None:
        super().__init__(connection, options, opening)
        self._client.close()
        transport = httpx.MockTransport(connection.world.web.answer)
        self._client = httpx.Client(transport=transport, trust_env=False)


@STANDINS("Https")
class PlayedHttps(Https, frozen=True, kw_only=True, tag="Https"):
    """``world``: of the test."""

    world: World

    def open_asker(self, options: HttpsOptions, opening: Opening) -> Asker:
        return WebAsker(self, options, opening)
