"""Https: an endpoint asked, or sent to, over HTTP(S)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from msgspec import UNSET, UnsetType

from brookmill.connections import CONNECTIONS, Asker, Opening
from brookmill.connections.host import is_http_url
from brookmill.connections.https.options import HttpsOptions, HttpsProbe
from brookmill.domain.connection import Connection

if TYPE_CHECKING:
    from brookmill.connections.ladder import Ladder

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\uffff]*")


@CONNECTIONS("Https")
class Https(Connection, frozen=True, kw_only=True, tag="Https"):
    """``headers`` go with every request and are returned as they were sent, values too."""

    required = ("url",)
    headers_at = ("headers",)
    probe_options: ClassVar[type[HttpsProbe]] = HttpsProbe
    asker_options: ClassVar[Mapping[str, type[HttpsOptions]]] = {"$https": HttpsOptions}

    headers: dict[str, str] | UnsetType = UNSET
    url: str | UnsetType = UNSET

    def problems(self) -> Iterator[str]:
        if self.url is not UNSET and not is_http_url(self.url):
            yield "Invalid url"
        if self.headers is not UNSET and not all(
            _FIELD_NAME.fullmatch(name) and _FIELD_VALUE.fullmatch(value)
            for name, value in self.headers.items()
        ):
            yield "Invalid headers"

    def open_asker(self, options: HttpsOptions, opening: Opening) -> Asker:
        """Raises ConnectionFailed."""
        from brookmill.connections.https.asker import HttpsAsker

        return HttpsAsker(self, options, opening)

    def probe(self, options: HttpsProbe, opening: Opening, ladder: Ladder) -> None:
        """Raises ConnectionFailed and DocumentError."""
        from brookmill.connections.https.probe import probe

        probe(self, options, opening, ladder)
