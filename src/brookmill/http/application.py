"""The ASGI application: every request in, exactly one answer, one log line and one measurement out."""

from __future__ import annotations

import traceback

import structlog

from brookmill.errors import UserError
from brookmill.http import reply
from brookmill.http.door import Door
from brookmill.http.exchange import Disconnected, Exchange, Message, Receive, Send, not_allowed
from brookmill.http.metrics import Metrics
from brookmill.http.reply import Reply
from brookmill.http.routes import PREFIX
from brookmill.http.surroundings import Endpoint, Surroundings
from brookmill.operations import Services
from brookmill.operations.expiries import expiries
from brookmill.operations.measurements import measurements
from brookmill.operations.threads import Threads

_log = structlog.get_logger(__name__)

#: Nobody was there to be answered; the number is a custom of proxies.
_GONE = 499
_SHOWN = 300


class Application:
    """Serves HTTP for as long as the lifespan that ASGI gives it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = Threads()
        self._metrics = Metrics(lambda: measurements(services), lambda: expiries(services))
        self._door = Door(services, self._threads)
        self._surroundings = Surroundings(services, self._threads, self._metrics).endpoints

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._exchange(scope, receive, send)
        else:
            raise RuntimeError(f"ASGI offers {scope['type']}, which was not asked for")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._threads.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _exchange(self, scope: Message, receive: Receive, send: Send) -> None:
        clock = self._services.clock
        started = clock.monotonic()
        exchange = Exchange.of(scope, receive, trust_forwarded=self._services.settings.trust_forwarded)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=exchange.id)
        status = _GONE
        with self._metrics.running.track_inprogress():
            try:
                answer = await self._answer(exchange)
                status = answer.status
                await answer.send(exchange, send)
            except Disconnected:
                pass
            finally:
                self._note(exchange, status, clock.monotonic() - started)

    async def _answer(self, exchange: Exchange) -> Reply:
        try:
            return await self._endpoint(exchange)(exchange)
        except UserError as e:
            return reply.failure(exchange, e)
        except Disconnected:
            raise
        except Exception as e:
            _log.error("unexpected", **_trace(e))
            return reply.failure(exchange, UserError("UNEXPECTED_ERROR"))

    def _endpoint(self, exchange: Exchange) -> Endpoint:
        if exchange.path.startswith(f"{PREFIX}/") or exchange.path == PREFIX:
            return self._door.answer
        methods = self._surroundings.get(exchange.path)
        if methods is None:
            raise UserError("RESOURCE_NOT_FOUND", exchange.path)
        exchange.operation = exchange.path
        endpoint = methods.get("GET" if exchange.method == "HEAD" else exchange.method)
        if endpoint is None:
            raise not_allowed(exchange, methods)
        return endpoint

    def _note(self, exchange: Exchange, status: int, seconds: float) -> None:
        self._metrics.count(exchange.operation, status, seconds)
        _log.info(
            "request",
            method=exchange.method,
            path=exchange.path[:_SHOWN],
            operation=exchange.operation,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            principal=exchange.principal,
            remote=exchange.remote,
        )


def _trace(error: BaseException) -> dict[str, object]:
    """Type and place of an error and of its causes, without their texts: those may quote secrets."""
    trace: list[str] = []
    current: BaseException | None = error
    while current is not None and len(trace) < 100:
        trace.append(type(current).__name__)
        frames = traceback.extract_tb(current.__traceback__)
        trace += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        current = current.__cause__ or current.__context__
    return {"error": type(error).__name__, "trace": trace}
