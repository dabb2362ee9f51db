"""mongodb-atlas-api-client from npm. It knows nothing of streams: it reads the projects around them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import npm_package
import pytest
from served import Served

pytestmark = pytest.mark.timeout(400)

NAME, VERSION = "mongodb-atlas-api-client", "4.19.0"
#: It sends no Accept of its own; its ``httpOptions`` take one. Steps come as an array of calls.
SCRIPT = """
const [package, given] = process.argv.slice(2);
const {steps, accept, ...options} = JSON.parse(given);
const client = require(package)(options);
const last = accept ? [{httpOptions: {headers: {Accept: accept}}}] : [];
(async () => {
  const answers = [];
  for (const [noun, verb, ...words] of steps) answers.push(await client[noun][verb](...words, ...last));
  console.log(JSON.stringify(answers));
  process.exit(0);
})();
"""


def answers(served: Served, directory: Path, accept: str | None, steps: list[list[str]]) -> list[Any]:
    if reason := npm_package.unavailable(NAME, VERSION):
        pytest.skip(reason)
    script = directory / "steps.js"
    script.write_text(SCRIPT)
    public, private = served.api_key()
    options = {"baseUrl": f"{served.url}/api/atlas/v2", "publicKey": public, "privateKey": private}
    given = json.dumps(options | {"projectId": served.own.id, "accept": accept, "steps": steps})
    command = ["node", str(script), str(npm_package.directory(NAME, VERSION)), given]
    ran = subprocess.run(command, check=True, capture_output=True, timeout=60)
    told: list[Any] = json.loads(ran.stdout)
    return told


def test_projects_organizations_and_clusters(served: Served, tmp_path: Path) -> None:
    accept = "application/vnd.atlas.2024-08-05+json"
    projects, project, named, orgs, org, clusters, missing = answers(
        served,
        tmp_path,
        accept,
        [
            ["project", "getAll"],
            ["project", "getById", served.own.id],
            ["project", "getByName", "Own"],
            ["organization", "getAll"],
            ["organization", "getById", served.a.id],
            ["cluster", "getAll"],
            ["cluster", "get", "nowhere"],
        ],
    )
    assert served.own.id in {found["id"] for found in projects["results"]}
    assert project == named
    assert project["id"] == served.own.id
    assert served.a.id in {found["id"] for found in orgs["results"]}
    assert org["id"] == served.a.id
    assert clusters["totalCount"] == len(clusters["results"])
    assert (missing["error"], missing["errorCode"]) == (404, "CLUSTER_NOT_FOUND")


def test_without_an_accept_header_it_is_told_why(served: Served, tmp_path: Path) -> None:
    (refused,) = answers(served, tmp_path, None, [["project", "getAll"]])
    assert (refused["error"], refused["errorCode"]) == (406, "INVALID_VERSION_DATE")
