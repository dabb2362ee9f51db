"""The real curl, asked the way the README tells: with Digest, or with a Bearer token of a service account."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass, field, replace
from string import Template
from typing import Any

VERSION = "application/vnd.atlas.2024-08-05+json"
KEY = "$MONGODB_ATLAS_PUBLIC_API_KEY:$MONGODB_ATLAS_PRIVATE_API_KEY"
ACCOUNT = "$MONGODB_ATLAS_CLIENT_ID:$MONGODB_ATLAS_CLIENT_SECRET"


@dataclass(frozen=True)
class Answer:
    """``shown``: the command as a reader may repeat it. ``body``: decoded JSON, None when there is none."""

    shown: str
    status: int
    body: Any
    text: str


@dataclass
class Curl:
    """``variables`` holds what ``brookmill env`` printed, and ``TOKEN`` after ``token()``.

    What is shown names the variables. Credentials reach curl through its standard input, not through its
    arguments, which other users of the machine may read.
    """

    base: str
    variables: dict[str, str]
    calls: int = field(default=0)

    def digest(self, method: str, path: str, body: object = None) -> Answer:
        shown = f'--digest -u "$KEY" -X {method} $P{path}'
        return self._api(["--digest"], f'user = "{self._filled(KEY)}"', shown, method, path, body)

    def bearer(self, method: str, path: str, body: object = None) -> Answer:
        shown = f'-H "Authorization: Bearer $TOKEN" -X {method} $P{path}'
        header = self._filled("Authorization: Bearer $TOKEN")
        return self._api([], f'header = "{header}"', shown, method, path, body)

    def token(self) -> Answer:
        """Ask for an access token and keep it."""
        form, path = "grant_type=client_credentials", "/api/oauth/token"
        shown = f'-u "{ACCOUNT}" -d {form} $MONGODB_ATLAS_BASE_URL{path}'
        answer = self._run(["--data", form, self.base + path], f'user = "{self._filled(ACCOUNT)}"', shown)
        if answer.status != 200:
            return answer
        self.variables["TOKEN"] = token = answer.body["access_token"]
        return replace(answer, text=answer.text.replace(token, f"{token[:10]}…"))

    def _api(
        self, options: list[str], secret: str, shown: str, method: str, path: str, body: object
    ) -> Answer:
        options = [*options, "--request", method, "--header", f"Accept: {VERSION}"]
        if body is not None:
            text = json.dumps(body)
            options += ["--header", "Content-Type: application/json", "--data", text]
            shown += f" -d {shlex.quote(text)}"
        url = self.base + self._filled(f"/api/atlas/v2/groups/$MONGODB_ATLAS_PROJECT_ID{path}")
        return self._run([*options, url], secret, shown)

    def _run(self, options: list[str], secret: str, shown: str) -> Answer:
        self.calls += 1
        command = ["curl", "--config", "-", "--silent", "--show-error", "--max-time", "30"]
        done = subprocess.run(
            [*command, "--write-out", "\n%{http_code}", *options],
            input=secret,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"curl failed: {done.stderr.strip()}")
        text, _, status = done.stdout.rpartition("\n")
        return Answer(f"curl {shown}", int(status), json.loads(text) if text else None, text)

    def _filled(self, text: str) -> str:
        return Template(text).substitute(self.variables)
