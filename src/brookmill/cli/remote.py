"""A running server, asked through its Admin API as any other client would ask it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from cyclopts import Parameter

from brookmill.cli import Refused, Unavailable, Unusable
from brookmill.cli.flags import HERE, Place

if TYPE_CHECKING:
    import httpx

    from brookmill.cli.door import Door
    from brookmill.operations import Operation

#: Seconds until a server must have answered; starts and tests of connections may take their time.
_PATIENCE = 120.0

_NOTHING: Mapping[str, str] = {}

#: Results asked for at once: the most that the Admin API gives.
_PAGE = 500


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class There:
    """Which server to ask, and for which project.

    Parameters
    ----------
    base_url
        Of the server. Default: MONGODB_ATLAS_BASE_URL, or else the server on the data directory.
    project
        Name or id. Default: MONGODB_ATLAS_PROJECT_ID, or that of --dev. May be left out when there is one.
    """

    base_url: Annotated[str | None, Parameter(env_var="MONGODB_ATLAS_BASE_URL")] = None
    project: Annotated[str | None, Parameter(name=["--project", "--projectId"])] = None
    place: Place = HERE

    @contextmanager
    def remote(self, workspace: str | None = None) -> Iterator[Remote]:
        """The server. Raises StartError, ConfigError, Refused, Unavailable."""
        from brookmill.cli.door import door

        found = door(self.base_url, Path(self.place.settings().data_dir))
        with found.client(_PATIENCE) as client:
            yield Remote(found, client, self.project, workspace)


#: A command's default for its ``There``: what the environment says, or the server on the data directory.
THERE = There()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Inside:
    """Which workspace to work in, of which server.

    Parameters
    ----------
    workspace
        Its name. May be left out when the project has one.
    """

    workspace: Annotated[str | None, Parameter(name=["--workspace", "-w", "--instance"])] = None
    there: There = THERE

    @contextmanager
    def remote(self) -> Iterator[Remote]:
        """The server, where routes need no ``tenantName``. Raises as that of ``There``."""
        with self.there.remote(self.workspace) as remote:
            yield remote


#: A command's default for its ``Inside``.
INSIDE = Inside()


@dataclass(frozen=True)
class Reply:
    """``value``: the JSON, None where there was none; ``content`` as it came."""

    value: Any
    status: int
    content: bytes
    headers: Mapping[str, str]


class Remote:
    """``project``: name or id, ``workspace``: name, as the user gave them; None: not at all."""

    def __init__(self, door: Door, client: httpx.Client, project: str | None, workspace: str | None) -> None:
        self._door = door
        self._client = client
        self._project = project
        self._workspace = workspace
        self._group: str | None = None

    @property
    def group(self) -> str:
        """Id of the project that is meant. Raises Refused."""
        if self._group is None:
            self._group = self._chosen(self._project or self._door.project)
        return self._group

    def _chosen(self, wanted: str | None) -> str:
        if wanted is not None and len(wanted) == 24 and set(wanted) <= set("0123456789abcdef"):
            return wanted
        if wanted is not None:
            return str(self.ask("getGroupByName", {"groupName": wanted}).value["id"])
        groups = self.all("listGroups")
        if len(groups) == 1:
            return str(groups[0]["id"])
        known = ", ".join(str(group["name"]) for group in groups)
        raise Refused(f"name the project with --project: {known}" if known else "there is no project yet")

    @property
    def workspace(self) -> str:
        """Name of the workspace that is meant: the one that was given, or the only one. Raises Refused."""
        if self._workspace is None:
            names = [str(one["name"]) for one in self.all("listGroupStreamWorkspaces")]
            if not names:
                raise Refused("there is no workspace yet; make one: brookmill workspaces create NAME")
            if len(names) > 1:
                raise Refused(f"name the workspace with --workspace: {', '.join(names)}")
            self._workspace = names[0]
        return self._workspace

    def all(
        self, operation: str, path: Mapping[str, str] = _NOTHING, *, query: Mapping[str, str] = _NOTHING
    ) -> list[Any]:
        """Every page of a list."""
        results: list[Any] = []
        while True:
            number = len(results) // _PAGE + 1
            asked = {**query, "itemsPerPage": str(_PAGE), "pageNum": str(number)}
            page = self.ask(operation, path, query=asked).value["results"]
            results += page
            if len(page) < _PAGE:
                return results

    def ask(
        self,
        operation: str,
        path: Mapping[str, str] = _NOTHING,
        *,
        query: Mapping[str, str] = _NOTHING,
        body: Any = None,
        headers: Mapping[str, str] = _NOTHING,
        version: str | None = None,
    ) -> Reply:
        """Call an operation by its id; ``path``: parameters by the names of its route, unless they are known.

        ``version``: a date instead of the operation's own. Raises Refused with what the server says,
        Unavailable.
        """
        from brookmill.operations import OPERATIONS

        found = OPERATIONS[operation]
        url = self._door.base + "/api/atlas/v2" + self._filled(found, path)
        media = f"application/vnd.atlas.{version or found.since}"
        accept = {"Accept": f"{media}+{found.media}"}
        sent = {} if body is None else {"Content-Type": f"{media}+json"}
        return self._answered(
            found.method,
            url,
            params=dict(query),
            content=None if body is None else json.dumps(body).encode(),
            headers={**accept, **sent, **headers},
        )

    def follow(self, location: str) -> Reply:
        """What an answer's Location leads to, at this server and at no other."""
        path = urlsplit(location).path
        accept = {"Accept": "application/vnd.atlas.2025-03-12+json"}
        return self._answered("GET", self._door.base + path, headers=accept)

    def _filled(self, operation: Operation, path: Mapping[str, str]) -> str:
        route = operation.route
        for name in operation.arguments:
            route = route.replace(f"{{{name}}}", quote(path.get(name) or self._known(name), safe=""))
        return route

    def _known(self, parameter: str) -> str:
        if parameter == "groupId":
            return self.group
        if parameter == "tenantName":
            return self.workspace
        raise Unusable(f"--{parameter} is missing")

    def _answered(self, method: str, url: str, **request: Any) -> Reply:
        import httpx

        try:
            answer = self._client.request(method, url, **request)
        except httpx.TransportError as e:
            raise Unavailable(f"{self._door.base} does not answer: {e}") from e
        except httpx.HTTPError as e:
            raise Unavailable(f"{self._door.base}: {e}") from e
        if not answer.is_success:
            raise _refusal(answer)
        plain = "json" in answer.headers.get("Content-Type", "") and answer.content
        value = json.loads(answer.content) if plain else None
        return Reply(value, answer.status_code, answer.content, answer.headers)


def _refusal(answer: httpx.Response) -> Exception:
    """What the server says, with the paths of the members that are wrong."""
    try:
        told = json.loads(answer.content)
        text = f"{told['detail'].rstrip('.')} ({told['errorCode']})"
        fields = (told.get("badRequestDetail") or {}).get("fields") or []
        text += "".join(f"; {one['field'] or 'the whole'}: {one['description']}" for one in fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = f"the server answers {answer.status_code} {answer.reason_phrase}"
    if answer.status_code == 401:
        text += "; credentials come from MONGODB_ATLAS_CLIENT_ID and …_SECRET, or …_PUBLIC_API_KEY and …"
    return Unavailable(text) if answer.status_code >= 500 else Refused(text)
