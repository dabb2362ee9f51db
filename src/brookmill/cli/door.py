"""Where the server is and who asks it: by the variables that Atlas' clients read, or the data directory."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brookmill.cli import Refused, Unusable
from brookmill.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

    from brookmill.store.seed import DevCredentials


@dataclass(frozen=True)
class Login:
    """An API key (Digest) or, where ``bearer``, a service account."""

    name: str
    secret: Secret
    bearer: bool


@dataclass(frozen=True)
class Door:
    """``base``: URL without a slash at its end. ``authority``: PEM file of a server that made its own.

    ``project``: id, where it is known. ``here``: found by its data directory, so no proxy leads there.
    """

    base: str
    login: Login
    project: str | None
    authority: Path | None = None
    here: bool = False

    def client(self, timeout: float) -> httpx.Client:
        """Logs in with the first request. ``timeout`` in seconds."""
        import httpx

        from brookmill import __version__

        plain = self.base.startswith("http://")
        verify: ssl.SSLContext | bool = not plain  # loading authorities that nobody asks takes its time
        if not plain and self.authority is not None:
            verify = ssl.create_default_context(cafile=str(self.authority))
        return httpx.Client(
            auth=_auth(self.base, self.login),
            headers={"User-Agent": f"brookmill/{__version__}"},
            timeout=timeout,
            verify=verify,
            trust_env=not self.here,
        )


def door(base_url: str | None, data: Path) -> Door:
    """What ``base_url`` names, or else the server that runs on ``data``.

    Raises StartError, Refused, Unusable.
    What the data directory tells of credentials goes to its own server only; those of the environment go to
    it when there are none.
    """
    from brookmill.app import StartError, running
    from brookmill.store.seed import credentials

    server = running(data)
    wanted = None if base_url is None else _base(base_url)
    if server is None or (wanted is not None and wanted != server.http):
        if wanted is None:
            raise StartError(
                f"no server runs on the data directory {data}; start one: brookmill serve --dev, "
                "or name another with --base-url"
            )
        return Door(wanted, _given(), _variable("PROJECT_ID"))
    made = credentials(data)
    authority = data / "tls" / "ca.pem"
    return Door(
        server.http,
        _given() if made is None else _developer(made),
        _variable("PROJECT_ID") if made is None else made.project_id,
        authority if authority.exists() else None,
        here=True,
    )


def _developer(made: DevCredentials) -> Login:
    return Login(made.public_key, made.private_key, bearer=False)


def _base(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise Unusable(f"{url!r} is no base URL, e.g. https://streams.example.com")
    return url.rstrip("/")


def _given() -> Login:
    for name, secret, bearer in (
        ("CLIENT_ID", "CLIENT_SECRET", True),
        ("PUBLIC_API_KEY", "PRIVATE_API_KEY", False),
    ):
        if (who := _variable(name)) and (text := _variable(secret)):
            return Login(who, Secret(text), bearer)
    raise Unusable(
        "there are no credentials: set MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET, or "
        "MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY; brookmill access makes some"
    )


def _variable(name: str) -> str | None:
    """Of Atlas' clients; None: not there, or empty."""
    return os.environ.get(f"MONGODB_ATLAS_{name}") or None


def _auth(base: str, login: Login) -> httpx.Auth:
    import httpx

    if not login.bearer:
        return httpx.DigestAuth(login.name, login.secret.reveal())

    class Bearer(httpx.Auth):
        """A token, fetched with the first request; commands end before it does."""

        requires_response_body = True
        token: str | None = None

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            if self.token is None:
                basic = httpx.BasicAuth(login.name, login.secret.reveal())
                form = {"grant_type": "client_credentials"}
                asked = httpx.Request("POST", f"{base}/api/oauth/token", data=form)
                answer = yield next(basic.auth_flow(asked))
                if not answer.is_success:
                    raise Refused(f"the service account is refused ({answer.status_code})")
                self.token = str(answer.json()["access_token"])
            request.headers["Authorization"] = f"Bearer {self.token}"
            yield request

    return Bearer()
