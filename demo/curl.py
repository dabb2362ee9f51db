"""The real curl, asked the way the README tells: with Digest, or with a Bearer token of a service account."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass, field
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
        return self._api(["--digest"], ("user", KEY), method, path, body)

    def bearer(self, method: str, path: str, body: object = None) -> Answer:
        return self._api([], ("header", "Authorization: Bearer $TOKEN"), method, path, body)

    def token(self) -> Answer:
        """Ask for an access token and keep it."""
        form = ["--data", "grant_type=client_credentials"]
        answer = self._run(form, ("user", ACCOUNT), "/api/oauth/token")
        if answer.status == 200:
            self.variables["TOKEN"] = answer.body["access_token"]
        return answer

    def _api(
        self, options: list[str], secret: tuple[str, str], method: str, path: str, body: object
    ) -> Answer:
        options = [*options, "--request", method, "--header", f"Accept: {VERSION}"]
        if body is not None:
            options += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        return self._run(options, secret, f"/api/atlas/v2/groups/$MONGODB_ATLAS_PROJECT_ID{path}")

    def _run(self, options: list[str], secret: tuple[str, str], path: str) -> Answer:
        self.calls += 1
        option, value = secret
        command = ["curl", "--config", "-", "--silent", "--show-error", "--max-time", "30"]
        done = subprocess.run(
            [*command, *options, "--write-out", "\n%{http_code}", self.base + self._filled(path)],
            input=f"{option} = {json.dumps(self._filled(value))}",
            capture_output=True,
            text=True,
            check=False,
        )
        text, _, status = done.stdout.rpartition("\n")
        if done.returncode:
            raise SystemExit(f"curl failed: {done.stderr.strip()}")
        shown = " ".join(["curl", f'--{option} "{value}"', *map(shlex.quote, options), f'"$BASE{path}"'])
        return Answer(shown, int(status), json.loads(text) if text else None, text)

    def _filled(self, text: str) -> str:
        return Template(text).substitute(self.variables)
