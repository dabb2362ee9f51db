"""An OpenID provider in small: client credentials in, signed tokens out, as OAUTHBEARER needs them."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, CLIENT_SECRET, SCOPE = "mill", "cl1ent s3cret&", "kafka"
ISSUER, AUDIENCE, KEY_ID = "https://id.example", "kafka", "k1"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class TokenEndpoint:
    """``lifetime``: seconds that tokens are good for. ``asked``: forms it was sent. ``status``: 0 to answer
    by the rules, else what it answers to everything, with ``location`` where to look instead.
    """

    url: str = ""
    lifetime: int = 3600
    status: int = 0
    location: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def jwks(self) -> str:
        """The public key, as brokers read it."""
        public = self.key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig"}
        return json.dumps({"keys": [key | {"n": _number(public.n), "e": _number(public.e)}]})

    def token(self, subject: str) -> str:
        """A JWT signed with RS256."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "scope": SCOPE}
        claims |= {"iat": now, "exp": now + self.lifetime}  # type: ignore[dict-item]
        head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_text(signature)}"

    def reply(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """RFC 6749, section 4.4."""
        if self.status:
            return self.status, {"error": "temporarily_unavailable"}
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        client, _, secret = given.partition(":")
        if (unquote(client), unquote(secret)) != (CLIENT, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": f"no {given}"}
        if form.get("scope", SCOPE) != SCOPE:
            return 400, {"error": "invalid_scope"}
        token = {"access_token": self.token(client), "token_type": "Bearer", "expires_in": self.lifetime}
        return 200, token


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """A new endpoint on a free port."""
    here = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            here.asked.append(form)
            status, answer = here.reply(self.headers.get("authorization", ""), form)
            self.send_response(status)
            if here.location:
                self.send_header("location", here.location)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_address[1]}/oauth2/token"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
