"""The floor of the PATCH benchmark: same server stack, same body, decoded and sent back; nothing is kept."""

from __future__ import annotations

import socket

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Https(msgspec.Struct, tag_field="type", tag="Https"):
    name: str = ""
    url: str = ""
    headers: dict[str, str] = {}


DECODER = msgspec.json.Decoder(Https)


async def update(request: Request) -> Response:
    return Response(msgspec.json.encode(DECODER.decode(await request.body())), media_type="application/json")


def main() -> None:
    """Serve on a free port, told on standard output."""
    path = "/api/atlas/v2/groups/{group}/streams/{workspace}/connections/{connection}"
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    app = Starlette(routes=[Route(path, update, methods=["PATCH"])])
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error")).run(sockets=[listener])


if __name__ == "__main__":
    main()
