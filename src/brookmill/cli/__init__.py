"""The command line; a command's module is imported when the command is used."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError

from brookmill.errors import BrookmillError


class Refused(BrookmillError):
    """A command is understood but cannot be done; the text says why."""


class Unusable(BrookmillError):
    """What a command was given is not what it takes; the text says why."""


class Unavailable(BrookmillError):
    """The server that a command asks does not answer, or not as a server should."""


DONE, REFUSED, USAGE, UNAVAILABLE = range(4)

app = App(
    name="brookmill",
    help="Atlas Stream Processing on your own machine.",
    help_epilogue=(
        "Settings: flag, then BROOKMILL_*, then brookmill.toml, then default. "
        "Exit status: 0 done, 1 refused, 2 wrong usage or settings, 3 nothing there to work with."
    ),
    version_flags=["--version"],
)
app.command("brookmill.cli.server:serve", name="serve", help="Run the server.")
app.command("brookmill.cli.server:env", name="env", help="Print the variables that Atlas clients read.")
app.command("brookmill.cli.api:app", name="api", help="Every operation of the Admin API, by its id.")
app.command("brookmill.cli.workspaces:app", name="workspaces", help="Workspaces of a project.")
app.command("brookmill.cli.connections:app", name="connections", help="Connections of a workspace.")
app.command("brookmill.cli.processors:app", name="processors", help="Stream processors of a workspace.")
app.command("brookmill.cli.terminal:run", name="run", help="Play a pipeline to the terminal.")
app.command("brookmill.cli.shell:shell", name="shell", help="Start mongosh on the running server.")
app.command("brookmill.cli.cases:check", name="test", help="Test pipelines as flow files say.")
app.command("brookmill.cli.lint:lint", name="lint", help="Look for mistakes in pipelines and connections.")
app.command("brookmill.cli.explain:explain", name="explain", help="Show how a pipeline is planned.")
app.command("brookmill.cli.access:app", name="access", help="Who may enter: keys, accounts, users.")
app.command("brookmill.cli.clusters:app", name="clusters", help="The MongoDB clusters behind cluster names.")
app.command("brookmill.cli.audit:app", name="audit", help="The audit log: whether it is what it was.")
app.command("brookmill.cli.peerings:app", name="peerings", help="VPC peerings that others ask of projects.")
app.command("brookmill.cli.keys:app", name="keys", help="The key that seals secrets in the store.")


@app.command
def version() -> None:
    """Print the version."""
    from brookmill import __version__

    print(__version__)


def main() -> None:
    """Run the command line of this process, and end it with one of the four statuses."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """One command; errors on purpose become one line on standard error, only bugs show a trace."""
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_none")
        sys.stdout.flush()
    except CycloptsError as e:
        print(f"brookmill: {' '.join(str(e).split())}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read us has seen enough; what is left must go somewhere at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except BrookmillError as e:
        print(f"brookmill: {e}", file=sys.stderr)
        return _status(e)
    return DONE


def _status(error: BrookmillError) -> int:
    from brookmill.app import StartError
    from brookmill.config import ConfigError
    from brookmill.store import StoreError
    from brookmill.testing import InvalidFlow

    if isinstance(error, ConfigError | InvalidFlow | Unusable):
        return USAGE
    return UNAVAILABLE if isinstance(error, StartError | StoreError | Unavailable) else REFUSED
