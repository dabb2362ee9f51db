"""Rules about stages that ask outside systems: `$lookup`, `$https`, `$externalFunction`."""

from __future__ import annotations

from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Remove, Replace, fix
from brookmill.lint.pipeline import Pipeline

_ASKING = ("$lookup", "$cachedLookup", "$https", "$externalFunction")


@rule("missing-as", "error", "The answer goes nowhere")
def missing_as(pipeline: Pipeline) -> Hits:
    """`as` names the field that takes the answer. Only `$https` and `$externalFunction` at the end of a
    pipeline, and asynchronous calls, go without.
    """
    for stage in pipeline.named(*_ASKING):
        asynchronous = stage.name == "$externalFunction" and stage.get("execution") == "async"
        sink = stage.last and stage.name in {"$https", "$externalFunction"}
        if isinstance(stage.spec, dict) and "as" not in stage.members and not asynchronous and not sink:
            yield Hit(stage.path, "as is missing")


@rule("as-with-async", "error", "An asynchronous call has no answer")
def as_with_async(pipeline: Pipeline) -> Hits:
    """With `execution` `async` the function is only set going; there is nothing to put into a field."""
    for stage in pipeline.named("$externalFunction"):
        if stage.get("execution") == "async" and "as" in stage.members:
            yield Hit(
                stage.at("as"), "as cannot be used with async", fix("take it out", Remove(stage.at("as")))
            )


@rule("lookup-needs-index", "info", "Every document searches the foreign collection")
def lookup_needs_index(pipeline: Pipeline) -> Hits:
    """`$lookup` and `$cachedLookup` ask once for a batch or a document. Unless `foreignField` is `_id`,
    create an index on it, else each question reads the whole collection.
    """
    for stage in pipeline.named("$lookup", "$cachedLookup"):
        field = stage.get("foreignField")
        if isinstance(field, str) and field != "_id":
            yield Hit(stage.at("foreignField"), f"needs createIndex({{{field!r:.80}: 1}}) on the collection")


@rule("lookup-in-full", "info", "Everything that is found is taken whole")
def lookup_in_full(pipeline: Pipeline) -> Hits:
    """A `pipeline` with `$project` in `$lookup` brings only the fields that are needed: less to send, less to
    keep in windows.
    """
    for stage in pipeline.named("$lookup"):
        if "foreignField" in stage.members and "pipeline" not in stage.members:
            yield Hit(stage.path, "documents are taken with all their fields")


@rule("on-error-ignored", "warning", "Failed calls pass without a trace")
def on_error_ignored(pipeline: Pipeline) -> Hits:
    """With `onError` `ignore` a document goes on without its answer when the call is refused, and nothing
    tells that it lacks it. `dlq` keeps it with the reason.
    """
    for stage in pipeline.named("$https", "$externalFunction"):
        if stage.get("onError") == "ignore":
            yield Hit(stage.at("onError"), "documents whose call fails go on without an answer")


@rule("on-error-discard", "error", "onError has no value discard")
def on_error_discard(pipeline: Pipeline) -> Hits:
    """Some texts say `discard`; it is `ignore`: the document goes on without the answer."""
    for stage in pipeline.named("$https", "$externalFunction"):
        if stage.get("onError") == "discard":
            at = stage.at("onError")
            yield Hit(at, "onError is dlq, ignore or fail", fix("write ignore", Replace(at, "ignore")))


@rule("get-with-payload", "warning", "A GET with a body")
def get_with_payload(pipeline: Pipeline) -> Hits:
    """Servers and proxies may ignore the body of a GET, or refuse it. Use `parameters`, or `POST`."""
    for stage in pipeline.named("$https"):
        if "payload" in stage.members and stage.get("method") in (None, "GET"):
            yield Hit(stage.at("payload"), "the payload is sent as the body of a GET")


@rule("post-comes-twice", "info", "A request may be sent twice")
def post_comes_twice(pipeline: Pipeline) -> Hits:
    """Delivery is at least once: after a failure documents since the last checkpoint are sent again. The
    endpoint should know a request that it has had, by a header or a field that is the same then.
    """
    for stage in pipeline.named("$https"):
        headers = stage.get("headers")
        names = {str(name).lower() for name in headers} if isinstance(headers, dict) else set()
        if stage.get("method") in {"POST", "PATCH"} and not any("idempoten" in name for name in names):
            yield Hit(stage.at("method"), f"{stage.get('method')} should be safe to repeat")


@rule("secret-in-pipeline", "warning", "A login stands in the pipeline")
def secret_in_pipeline(pipeline: Pipeline) -> Hits:
    """Pipelines are shown to everybody who may list processors. Headers of the connection are kept secret:
    put it there.
    """
    for stage in pipeline.named("$https"):
        for member in ("headers", "parameters"):
            values = stage.get(member)
            for name, value in values.items() if isinstance(values, dict) else ():
                if isinstance(value, str) and value[:1] != "$" and _is_login(name):
                    yield Hit(stage.at(member, name), f"{name} is shown to all who can see the processor")


def _is_login(name: str) -> bool:
    plain = name.lower().replace("_", "-")
    return plain in {"authorization", "proxy-authorization", "cookie", "token", "access-token"} or (
        plain.removeprefix("x-") in {"api-key", "apikey", "auth-token", "secret"}
    )
