"""Azure Blob Storage on loopback: Azurite, over TLS, with account keys and tokens; and who hands out tokens.

It needs Node and, the first time, npm and the network. ``unavailable()`` says why it cannot be had.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from uuid import uuid4

import servers
import trustme
from servers import Endpoint, Reply, Request, free_port, wait_until

from brookmill.clock import Clock, SystemClock
from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.azure_blob_storage import AzureConfig

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

AZURITE = "3.37.0"
#: Beside the virtual environment, for all runs to come.
PACKAGES = Path(__file__).parents[1] / ".jars" / f"azurite-{AZURITE}"

TENANT, CLIENT, SECRET = "00000000-0000-0000-0000-0000000000aa", "11111111-client", "s3cret-of-the-client"
ACCOUNT = "mill0account"


@cache
def unavailable() -> str | None:
    """Why there can be no Azurite here; None when there can. Fetches its packages."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Azurite needs Node, and there is none"
    if PACKAGES.is_dir():
        return None
    PACKAGES.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PACKAGES.parent) as fresh:
        command = ["npm", "install", "--prefix", fresh, "--no-package-lock", "--no-audit", "--no-fund"]
        command += ["--ignore-scripts", "--omit=optional", "--loglevel=error", f"azurite@{AZURITE}"]
        try:
            ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
        except subprocess.TimeoutExpired:
            return "Azurite could not be fetched in time"
        if ran.returncode:
            return f"Azurite could not be fetched: {ran.stderr.strip()[-200:]}"
        try:
            Path(fresh).rename(PACKAGES)
        except OSError:
            if not PACKAGES.is_dir():  # somebody else was faster
                raise
        else:
            Path(fresh).mkdir()
    return None


@dataclass
class Azure:
    """``url``: of the storage account. ``authority``: PEM file that servers and logins are signed by."""

    url: str
    login: Endpoint
    authority: Path
    key: str

    def outside(self, **settings: str | None) -> Outside:
        """Settings that lead here, with the account's key."""
        usual = {"azure_endpoint_url": self.url.replace(ACCOUNT, "{account}"), "azure_account_key": self.key}
        return Outside(allow_private=True, **(usual | settings))  # type: ignore[arg-type]

    @property
    def principal(self) -> dict[str, str | None]:
        """Settings of a service principal instead of the account's key."""
        return {
            "azure_account_key": None,
            "azure_tenant_id": TENANT,
            "azure_client_id": CLIENT,
            "azure_client_secret": SECRET,
            "azure_authority_url": self.login.url,
        }

    def opening(self, clock: Clock | None = None, **more: object) -> Opening:
        return Opening("p" * 24, clock or SystemClock(), **({"outside": self.outside()} | more))  # type: ignore[arg-type]

    @property
    def config(self) -> AzureConfig:
        return AzureConfig(service_principal_id=CLIENT, storage_account_name=ACCOUNT)

    def client(self) -> BlobServiceClient:
        from azure.storage.blob import BlobServiceClient

        credential = {"account_name": ACCOUNT, "account_key": self.key}
        return BlobServiceClient(self.url, credential, connection_verify=str(self.authority))

    def container(self) -> str:
        """The name of a new, empty container."""
        name = f"c-{uuid4().hex[:12]}"
        with self.client() as client:
            client.create_container(name)
        return name

    def blobs(self, container: str) -> dict[str, bytes]:
        """What it holds, by name."""
        with self.client() as client, client.get_container_client(container) as here:
            return {name: here.download_blob(name).readall() for name in here.list_blob_names()}


@contextmanager
def azure(directory: Path) -> Iterator[Azure]:
    """An Azurite with one account, and somebody who hands out tokens for it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
    for part in certificate.cert_chain_pems:
        part.write_to_path(str(directory / "cert.pem"), append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    key = base64.b64encode(os.urandom(64)).decode()
    with servers.endpoint(context) as login, _azurite(directory, key) as port:
        login.answer = lambda request: _token(login.url, request)
        yield Azure(f"https://127.0.0.1:{port}/{ACCOUNT}", login, directory / "ca.pem", key)


@contextmanager
def _azurite(directory: Path, key: str) -> Iterator[int]:
    port = free_port()
    main = PACKAGES / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    command = ["node", str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
    command += ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--oauth", "basic"]
    command += ["--cert", str(directory / "cert.pem"), "--key", str(directory / "key.pem")]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=directory,
            env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        )
    try:
        wait_until(lambda: servers.listens(port), 30, "Azurite")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _token(url: str, request: Request) -> Reply:
    """What Entra ID answers where a client asks for a token by its secret."""
    if request.target.endswith("/.well-known/openid-configuration"):
        places = {
            "issuer": f"{url}/{TENANT}/v2.0",
            "authorization_endpoint": f"{url}/{TENANT}/oauth2/v2.0/authorize",
        }
        return _json(200, places | {"token_endpoint": f"{url}/{TENANT}/oauth2/v2.0/token"})
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
        text = f"AADSTS7000215: Invalid client secret provided: {form.get('client_secret')} Trace ID: 1"
        return _json(401, {"error": "invalid_client", "error_description": text})
    now = int(time.time())
    claims = {"aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{TENANT}/", "iat": now}
    claims |= {"nbf": now - 10, "exp": now + 3600, "oid": CLIENT, "tid": TENANT}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, "signature")
    token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    return _json(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token})


def _json(status: int, body: object) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"content-type": "application/json"})
