"""Links between the pages of a list. Reference: Admin API contract, d.3."""

from __future__ import annotations

from urllib.parse import quote

from brookmill.http.exchange import Exchange

_SIZE, _NUMBER = "itemsPerPage", "pageNum"


def links(exchange: Exchange, total: int) -> list[dict[str, str]]:
    """``self``, ``previous`` unless on the first page, ``next`` unless on the last.

    The client's own parameters come first, as it wrote them, then pageNum and itemsPerPage if it sent none.
    """
    parameters = exchange.parameters
    number, size = int(parameters.get(_NUMBER, 1)), int(parameters.get(_SIZE, 100))
    pages = [("self", number)]
    if number > 1:
        pages.append(("previous", number - 1))
    if number * size < total:
        pages.append(("next", number + 1))
    return [{"href": _href(exchange, page, size), "rel": rel} for rel, page in pages]


def _href(exchange: Exchange, page: int, size: int) -> str:
    wanted = {_NUMBER: page, _SIZE: size}
    parts = []
    for part in exchange.query.split("&") if exchange.query else ():
        name = part.partition("=")[0]
        if name not in (_NUMBER, _SIZE):
            parts.append(part)
        elif name in wanted:
            parts.append(f"{name}={wanted.pop(name)}")
    parts += [f"{name}={value}" for name, value in wanted.items()]
    # What is encoded stays as it is; what a client may not send in a URL is encoded.
    target = quote(f"{exchange.path}?{'&'.join(parts)}", safe="%/:=&?@!$'()*+,;~-._", encoding="latin-1")
    return f"{exchange.base_url}{target}"
