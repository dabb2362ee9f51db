"""Structured logs on standard error: lines for people on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Literal

#: structlog loads rich, and rich a highlighter, for traces that it never draws here: a sixth of a cold start.
_shown = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: cannot be imported
import structlog  # noqa: E402

if _shown is None:
    del sys.modules["rich"]

if TYPE_CHECKING:
    from structlog.typing import Processor

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["auto", "console", "json"] = "auto",
) -> None:
    """Send what Brookmill and its libraries log to standard error; "auto" is "console" on a terminal.

    Traces never show local variables: those may hold secrets.
    """
    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(console)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn", "httpx", "httpcore", "alembic", "botocore"):
        logging.getLogger(chatty).setLevel("WARNING")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _rendering(console: bool) -> list[Processor]:
    if console:
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        return [
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        ]
    plain = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(plain), structlog.processors.JSONRenderer(default=repr)]
