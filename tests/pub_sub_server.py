"""Pub/Sub's REST interface on loopback, held to Google's published types, with logins that are checked.

Google has no emulator that installs from a package index; what counts here is what a request must look like.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4

import servers
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt
from google.pubsub_v1.types import PublishRequest, PublishResponse, PubsubMessage
from servers import Reply, Request

from brookmill.config import Outside

PROJECT = "mill-project"
OWNER = "mill@mill-project.iam.gserviceaccount.com"
#: Who the owner may impersonate.
OTHER = "other@mill-project.iam.gserviceaccount.com"
_PUBSUB = "https://www.googleapis.com/auth/pubsub"
#: Whom Google's own library makes its assertions for, wherever it sends them.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_IAM = "https://www.googleapis.com/auth/iam"


@dataclass
class PubSub:
    """``topics``: what was published, by name. ``refuse``: statuses to answer before any request is read.
    ``denied``: topics that nobody may publish to, as far as those who ask for their rights are told.
    """

    url: str
    key_file: Path
    public_key: str
    topics: dict[str, list[PubsubMessage]] = field(default_factory=dict)
    publishers: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)

    def outside(self, **settings: Any) -> Outside:
        """Settings that lead here, with the owner's key."""
        usual = {"gcp_endpoint_url": self.url, "gcp_iam_endpoint_url": self.url}
        usual["gcp_credentials_file"] = str(self.key_file)
        return Outside(allow_private=True, **(usual | settings))

    def topic(self) -> str:
        """The name of a new, empty topic."""
        name = f"t-{uuid4().hex[:12]}"
        self.topics[name] = []
        return name

    def answer(self, request: Request) -> Reply:
        if request.target == "/token":
            return self._token(request)
        account, scope = self.tokens.get(
            request.headers.get("authorization", "").removeprefix("Bearer "), ("", "")
        )
        if request.target.endswith(":generateAccessToken"):
            return self._impersonated(request, account, scope)
        self.requests.append(request)
        if self.refuse:
            return _error(self.refuse.pop(0), "UNAVAILABLE", "try later")
        if scope != _PUBSUB:
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        return self._published(request, account)

    def _published(self, request: Request, account: str) -> Reply:
        _, version, _, project, _, name = request.target.split("/")
        topic, _, verb = unquote(name).rpartition(":")
        if request.method == "GET" and not topic:
            topic, verb = unquote(name), "get"
        if verb == "testIamPermissions":
            asked = json.loads(request.body)["permissions"]
            held = asked if topic in self.topics and topic not in self.denied else []
            return Reply(body=json.dumps({"permissions": held} if held else {}).encode())
        if verb == "get" and topic in self.topics:
            return Reply(body=json.dumps({"name": f"projects/{project}/topics/{topic}"}).encode())
        if (version, project, verb) not in (("v1", PROJECT, "publish"), ("v1", PROJECT, "get")):
            return _error(404, "NOT_FOUND", "no such method")
        if topic not in self.topics:
            return _error(404, "NOT_FOUND", f"Resource not found (resource={topic}).")
        try:
            messages = list(PublishRequest.from_json(request.body).messages)
        except Exception as e:
            return _error(400, "INVALID_ARGUMENT", str(e))
        size = sum(len(m.data) + sum(len(k) + len(v) for k, v in m.attributes.items()) for m in messages)
        if not 0 < len(messages) <= 1000 or size > 10_000_000 or any(b"REFUSE" in m.data for m in messages):
            return _error(400, "INVALID_ARGUMENT", "One or more messages in the publish request is invalid.")
        self.topics[topic] += messages
        self.publishers.append(account)
        ids = [str(n) for n in range(len(messages))]
        return Reply(body=PublishResponse.to_json(PublishResponse(message_ids=ids)).encode())

    def _token(self, request: Request) -> Reply:
        """A token for a JWT that the owner's key has signed."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        try:
            claims = jwt.decode(form["assertion"], certs=self.public_key, audience=_AUDIENCE)
        except ValueError:
            return Reply(400, b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}')
        return self._given(claims["iss"], claims["scope"], "access_token", {"expires_in": 3600})

    def _impersonated(self, request: Request, account: str, scope: str) -> Reply:
        wanted = unquote(request.target).rpartition("/")[2].removesuffix(":generateAccessToken")
        if (account, scope, wanted) != (OWNER, _IAM, OTHER):
            return _error(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        (scope,) = json.loads(request.body)["scope"]
        return self._given(wanted, scope, "accessToken", {"expireTime": until})

    def _given(self, account: str, scope: str, name: str, more: dict[str, Any]) -> Reply:
        token = uuid4().hex
        self.tokens[token] = (account, scope)
        return Reply(body=json.dumps({name: token, "token_type": "Bearer", **more}).encode())


def key_file(path: Path, url: str) -> str:
    """Write a service account's key for the token endpoint at ``url``; answer its public half as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    members = {"type": "service_account", "project_id": PROJECT, "private_key_id": "1", "private_key": secret}
    members |= {"client_email": OWNER, "client_id": "1", "token_uri": f"{url}/token"}
    path.write_text(json.dumps(members))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@contextmanager
def pub_sub(directory: Path) -> Iterator[PubSub]:
    """A project with one service account, and a second one that it may impersonate."""
    with servers.endpoint() as endpoint:
        file = directory / "key.json"
        here = PubSub(endpoint.url, file, key_file(file, endpoint.url))
        endpoint.answer = here.answer
        yield here


def _error(code: int, status: str, message: str) -> Reply:
    return Reply(code, json.dumps({"error": {"code": code, "status": status, "message": message}}).encode())
