"""Access tokens of Google: as the service account of the settings' key, or as one that it may impersonate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from brookmill.config import Outside
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

_SCOPES = ("https://www.googleapis.com/auth/pubsub",)
_IMPERSONATION = ("https://www.googleapis.com/auth/iam",)
_IAM = "/v1/projects/-/serviceAccounts/{}:generateAccessToken"
#: Its e-mail address or its number; it becomes part of a path.
_ACCOUNT = re.compile(r"[A-Za-z0-9-]+@[A-Za-z0-9.-]+|[0-9]{1,32}")
#: Most of Google's own words that are shown.
_WORDS = 200


class Login:
    """Not safe for threads. Without a key there is no login: ``headers`` gives none."""

    def __init__(self, account: str | None, outside: Outside, client: httpx.Client) -> None:
        """``account``: whom the connection names. Raises ConnectionFailed when Google refuses; 420 when the
        settings are not right.
        """
        self._client = client
        self._credentials: Credentials | None = None
        if outside.gcp_credentials_file is not None:
            self._credentials = _credentials(_key(outside.gcp_credentials_file), account, outside)
            self.headers()
        elif outside.gcp_endpoint_url is None:
            raise _invalid("Brookmill's settings hold no gcp_credentials_file")

    def headers(self) -> dict[str, str]:
        """The Authorization header; asks for a new token before the old one expires. Raises
        ConnectionFailed.
        """
        from google.auth.exceptions import GoogleAuthError

        if self._credentials is None:
            return {}
        headers: dict[str, str] = {}
        try:
            self._credentials.before_request(self._ask, "POST", "", headers)
        except GoogleAuthError as e:
            raise _refused(e) from e
        return headers

    def _ask(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        **_: Any,
    ) -> Answer:
        """A ``google.auth.transport.Request``."""
        from google.auth.exceptions import TransportError

        try:
            return Answer(self._client.request(method, url, content=body, headers=headers))
        except (httpx.TransportError, httpx.InvalidURL) as e:
            raise TransportError(type(e).__name__) from e


class Answer:
    """A ``google.auth.transport.Response``."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.data = response.content


def _key(file: str) -> dict[str, Any]:
    try:
        key = json.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise _invalid("gcp_credentials_file in Brookmill's settings cannot be read") from e
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise _invalid("gcp_credentials_file in Brookmill's settings is not the key of a service account")
    return key


def _credentials(key: dict[str, Any], account: str | None, outside: Outside) -> Credentials:
    from google.auth.exceptions import GoogleAuthError
    from google.auth.impersonated_credentials import Credentials as Impersonated
    from google.oauth2.service_account import Credentials as Own

    if account is not None and not _ACCOUNT.fullmatch(account):
        raise _invalid("the connection's gcp.serviceAccountId is not the name of a service account")
    other = (
        account if outside.gcp_credentials == "impersonate" and account != key.get("client_email") else None
    )
    try:
        own: Credentials = Own.from_service_account_info(key, scopes=_IMPERSONATION if other else _SCOPES)
    except (ValueError, GoogleAuthError) as e:
        raise _invalid("gcp_credentials_file in Brookmill's settings is not a valid key") from e
    if other is None:
        return own
    where = outside.gcp_iam_endpoint_url
    override = None if where is None else where.rstrip("/") + _IAM.format(other)
    return Impersonated(own, other, _SCOPES, iam_endpoint_override=override)


def _refused(error: Exception) -> ConnectionFailed:
    """What Google says of a login quotes no secrets; of the rest nothing is shown."""
    from google.auth.exceptions import RefreshError

    what = "Could not log in to Google Cloud"
    if isinstance(error, RefreshError):
        words = " ".join(str(error.args[0] if error.args else "").split())[:_WORDS]
        return ConnectionFailed(f"{what}: {words}", retry=bool(error.retryable), fault="CREDENTIALS")
    reason = error.args[0] if error.args else type(error).__name__
    text = f"{what}: Google does not answer ({str(reason)[:_WORDS]})"
    return ConnectionFailed(text, fault="NO_ANSWER")


def _invalid(text: str) -> ConnectionFailed:
    return ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")
