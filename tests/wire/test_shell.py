"""An unmodified mongosh: the documented quick start at a terminal, and everything ``sp`` has in scripts."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import mongosh
import psutil
import pytest
from servers import endpoint, wait_until

from brookmill.testing import Server, server

PROMPT = r"\nAtlasStreamProcessing> $"


@dataclass
class Shop:
    """A development server with a connection ``hook``. ``uri`` logs in; ``edition``: of mongosh."""

    server: Server
    home: Path
    uri: str
    edition: str = mongosh.NEWEST

    def terminal(self, *command: str) -> Any:
        return mongosh.terminal(command, self.home, self.edition)

    def shell(self) -> Any:
        """``brookmill shell`` at a terminal."""
        return self.terminal(*self.command("shell"))

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "brookmill", *arguments, "--data-dir", str(self.server.data_dir))

    def evaluate(self, script: str) -> Any:
        """What the script's last expression is, from relaxed Extended JSON."""
        ran = mongosh.evaluate(self.uri, script, self.home, "--json=relaxed")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)


@contextmanager
def shop(directory: Path, **settings: Any) -> Iterator[Shop]:
    if missing := mongosh.unavailable():
        pytest.skip(missing)
    home = mongosh.home(directory / "home")
    with endpoint() as hook, server(directory / "data", sample_rate=50, **settings) as running:
        made = running.environment
        login = httpx.DigestAuth(made["MONGODB_ATLAS_PUBLIC_API_KEY"], made["MONGODB_ATLAS_PRIVATE_API_KEY"])
        authority = made.get("SSL_CERT_FILE")
        with httpx.Client(
            base_url=f"{running.base}/api/atlas/v2/groups/{made['MONGODB_ATLAS_PROJECT_ID']}",
            auth=login,
            headers={"Accept": "application/vnd.atlas.2024-08-05+json"},
            verify=ssl.create_default_context(cafile=authority) if authority else False,
        ) as api:
            region = {"cloudProvider": "AWS", "region": "VIRGINIA_USA"}
            body = {"name": "mill", "dataProcessRegion": region}
            api.post("/streams:withSampleConnections", json=body).raise_for_status()
            connection = {"type": "Https", "name": "hook", "url": hook.url}
            api.post("/streams/mill/connections", json=connection).raise_for_status()
        password = json.loads((running.data_dir / "dev-credentials.json").read_text())["dbPassword"]
        yield Shop(running, home, running.wire.replace("//", f"//dev:{password}@") + "?authSource=mill")


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("shop")) as running:
        yield running


PIPELINE = (
    "[{$source: {connectionName: 'sample_stream_solar'}}, {$match: {event_type: {$exists: true}}},"
    " {$https: {connectionName: 'hook', method: 'POST'}}]"
)


def test_the_quick_start_at_a_terminal(mill: Shop) -> None:
    quick_start(mill)


@pytest.mark.slow
def test_the_quick_start_in_the_oldest_edition(mill: Shop) -> None:
    if missing := mongosh.unavailable(mongosh.OLDEST):
        pytest.skip(missing)
    quick_start(replace(mill, edition=mongosh.OLDEST))


def quick_start(shop: Shop) -> None:
    newest = shop.edition == mongosh.NEWEST  # which shows no handles, but codes of errors, and names of sp
    handle = "" if newest else "Atlas Stream Processor: solar"
    with shop.shell() as t:
        greeting = t.until(PROMPT)
        assert "It is not MongoDB" in greeting

        def say(line: str) -> str:
            t.type(line)
            text: str = t.until(PROMPT)
            return text.split("\n", 1)[1].rsplit("\n", 1)[0]

        def refused(line: str, code: str) -> str:
            told = say(line)
            error = "Uncaught MongoServerError" + (f"[{code}]: " if newest else ": ")
            assert told.startswith(error)
            assert "\n" not in told
            return told.removeprefix(error)

        assert "name: 'sample_stream_solar', type: 'inmemory'" in say("sp.listConnections()")
        say(f"const p = {PIPELINE}")
        assert say("sp.createStreamProcessor('solar', p)") == handle
        assert say("sp.solar.start()") == "{ ok: 1 }"
        t.type("sp.solar.sample()")
        t.until(r"device_id: 'device_\d+'")
        interrupt(t)
        stats = say("sp.solar.stats()")
        assert re.search(r"inputMessageCount: Long\('\d+'\)", stats), stats
        assert "state: 'STARTED'" in stats
        press_tab(t, shows="listWorkspaceDefaults" if newest else None)
        assert refused("sp.solar.start()", "CommandFailed") == "stream processor is already started"
        assert say("sp.solar.stop()") == "{ ok: 1 }"
        assert say("sp.solar.drop()") == "{ ok: 1 }"
        assert say("sp.listStreamProcessors()") == "[]"
        t.type("sp.process([p[0], p[1]])")
        t.until(r"device_id: 'device_\d+'")
        assert workers_of(shop)
        interrupt(t)
        wait_until(lambda: not workers_of(shop), what="the end of the ephemeral processor")
        unknown = refused("sp.process([p[0], {$foo: {}}])", "Location40324")
        assert unknown.startswith("Unrecognized pipeline stage name: '$foo'")
        missing = refused("sp.nobody.stats()", "InvalidOptions")
        assert missing.startswith("Stream processor with name nobody")
        t.type("exit")
        t.process.wait(20)
        assert t.process.returncode == 0
        assert not re.search(r"^ +at ", t.seen, re.MULTILINE), "a stack trace"


def press_tab(t: Any, *, shows: str | None) -> None:
    """Complete a name of ``sp``, and go on with an empty line. ``shows``: one that is offered, None: none."""
    t.press("sp.lis")
    t.until("sp.lis")
    for _ in range(2):  # one completes what is common, the next one shows the names
        t.press("\t")
        t.until(r"t|WorkspaceDefaults" if shows else "")
    t.until(shows or "")
    t.press("\x15")
    t.type("40 + 2")
    t.until(r"\n42" + PROMPT)


def interrupt(t: Any) -> None:
    """Press Ctrl-C, and wait until the shell has its connections again: what comes before, it forgets."""
    t.press("\x03")
    t.until("Stopping execution")
    t.until(PROMPT)

    def again() -> bool:
        t.type("db.runCommand({ping: 1}).ok")
        return "\n1\n" in t.until(PROMPT)

    wait_until(again, what="the shell")


def workers_of(shop: Shop) -> list[psutil.Process]:
    return [one for one in psutil.Process(shop.server.process.pid).children() if works(one)]


def works(process: psutil.Process) -> bool:
    try:
        return "brookmill.runtime.worker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it ends just now, or has ended and nobody has asked for its status yet
        return False


@pytest.mark.slow
def test_brookmill_shell_says_what_is_missing(mill: Shop, tmp_path: Path) -> None:
    def told(*more: str, **environment: str) -> str:
        ran = subprocess.run(
            mill.command("shell", *more),
            env=mongosh.environment(mill.home) | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 1
        return ran.stderr.strip()

    unknown = told("--workspace", "nope")
    assert unknown == "brookmill: there is no workspace nope; there are: mill"
    assert told(PATH=str(tmp_path)).startswith("brookmill: there is no mongosh on the PATH")


def test_everything_that_sp_has_in_a_script(mill: Shop) -> None:
    told = mill.evaluate(f"""
        const pipeline = {PIPELINE}, said = {{}};
        said.defaults = sp.listWorkspaceDefaults();
        sp.createStreamProcessor("a-b", pipeline, {{tier: "SP5", streamMetaFieldName: "_meta"}});
        said.listed = sp.listStreamProcessors({{name: {{$regex: "^a-"}}}})
          .map(p => [p.name, p.state, p.tier]);
        said.modified = sp["a-b"].modify(pipeline.concat([]), {{tier: "SP2", name: "ab"}});
        said.started = sp.getProcessor({{name: "ab"}}).start({{resumeFromCheckpoint: false}});
        said.stats = sp.ab.stats({{verbose: true, scale: 1024}}).stats;
        said.stopped = sp.ab.stop();
        said.dropped = sp.ab.drop({{force: true}});
        said.left = sp.listStreamProcessors().length;
        try {{ sp.ab.start() }} catch (e) {{ said.error = [e.name, e.code, e.codeName] }}
        said
    """)
    assert told["defaults"] == {"ok": 1, "defaultTierSize": "SP10", "maxTierSize": "SP50"}
    assert told["listed"] == [["a-b", "CREATED", "SP5"]]
    assert told["modified"] == told["started"] == told["stopped"] == told["dropped"] == {"ok": 1}
    assert (told["stats"]["scaleFactor"], told["stats"]["name"]) == (1024, "ab")
    assert told["left"] == 0
    assert told["error"] == ["MongoServerError", 72, "InvalidOptions"]


@pytest.mark.slow
def test_output_and_dead_letters_come_to_the_shell(mill: Shop) -> None:
    """The script's end is the shell's: sp.process prints until it is stopped, here by the script's time."""
    script = "sp.process([{$source: {documents: [{a: 1}, {a: 'x'}]}}, {$project: {b: {$add: ['$a', 1]}}}])"
    with mill.terminal(str(mongosh.installed() / "mongosh"), mill.uri, "--quiet", "--eval", script) as t:
        t.until(r"b: 2\b")
        letter = t.until(r"operatorName: '\w+'")
        shape = r"_dlqMessage: \{.*errInfo: \{.*reason: .*doc: \{\s+a: 'x'\s+\}"
        assert re.search(shape, letter, re.DOTALL), letter
        assert "workspaceName: 'mill'" in letter
        assert len(workers_of(mill)) == 1
        os.killpg(t.process.pid, signal.SIGKILL)  # no word of goodbye
        wait_until(lambda: not workers_of(mill), what="the end of the ephemeral processor")


@pytest.mark.slow
def test_the_prompt_of_atlas_comes_by_its_host_name_too(mill: Shop) -> None:
    """The first host lends its name alone; the server must be a mongos for that."""
    uri = mill.uri.replace("@", "@atlas-stream-brookmill.mongodb.net,")
    with mill.terminal(str(mongosh.installed() / "mongosh"), uri) as t:
        assert "Atlas Stream Processing" in t.until(PROMPT)
        t.type("exit")
        t.process.wait(20)


@pytest.mark.slow
def test_a_wrong_password_reads_like_that_of_a_database(mill: Shop) -> None:
    ran = mongosh.evaluate(re.sub(":[^:@]+@", ":wrong@", mill.uri), "1", mill.home)
    assert (ran.returncode, ran.stderr.strip()) == (1, "MongoServerError: Authentication failed.")


@pytest.mark.slow
def test_brookmill_shell_finds_its_way_through_tls(tmp_path: Path) -> None:
    with shop(tmp_path, tls="self-made") as secure:
        command = secure.command("shell", "--quiet", "--eval", "sp.listWorkspaceDefaults()")
        with secure.terminal(*command) as t:
            assert "defaultTierSize: 'SP10'" in t.until(r"maxTierSize: 'SP50' \}")
            assert t.process.wait(20) == 0
