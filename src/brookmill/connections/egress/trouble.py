"""Why a request failed, in words for users: what to look at, and whether trying again may help."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx

from brookmill.errors import ConnectionFailed, Fault

#: OpenSSL's verdicts on a certificate (``verify_code``): what is wrong, and how users are told.
_VERDICTS: dict[int, tuple[Fault, str]] = {
    10: ("CERTIFICATE_EXPIRED", "has expired"),
    9: ("CERTIFICATE_NOT_YET_VALID", "is not valid yet"),
    **dict.fromkeys((62, 64), ("CERTIFICATE_NAME", "is for another name")),
    **dict.fromkeys(
        (2, 18, 19, 20, 21),
        (
            "CERTIFICATE_UNTRUSTED",
            "is signed by an unknown authority; the variable SSL_CERT_FILE can name a file with it",
        ),
    ),
}


def failed(what: str, error: httpx.TransportError) -> ConnectionFailed:
    """``what``: the request without secrets, e.g. its method and URL. A certificate stays wrong for ever."""
    if problem := certificate_problem(error):
        text = f"{what} failed: {problem}"
        return ConnectionFailed(text, retry=False, fault=certificate_fault(error))
    text, fault = _reason(error)
    return ConnectionFailed(f"{what} failed: {text}", fault=fault)


def certificate_problem(error: BaseException) -> str | None:
    """What is wrong with the certificate, where that is behind ``error``; None: it is something else."""
    verdict = _verdict(error)
    if verdict is None:
        return None
    _, text = _VERDICTS.get(verdict.verify_code, ("", f"is not valid: {verdict.verify_message}"))
    return f"the server's certificate {text}"


def certificate_fault(error: BaseException) -> Fault | None:
    """The same in one word."""
    verdict = _verdict(error)
    return None if verdict is None else _VERDICTS.get(verdict.verify_code, ("CERTIFICATE_INVALID", ""))[0]


def _verdict(error: BaseException) -> ssl.SSLCertVerificationError | None:
    return next((e for e in _chain(error) if isinstance(e, ssl.SSLCertVerificationError)), None)


def _reason(error: httpx.TransportError) -> tuple[str, Fault | None]:
    causes = list(_chain(error))
    if unresolved := next((e for e in causes if isinstance(e, ConnectionFailed)), None):
        return str(unresolved), unresolved.fault
    if broken := next((e for e in causes if isinstance(e, ssl.SSLError)), None):
        return f"TLS is not possible with this server ({broken.reason or type(broken).__name__})", "PROTOCOL"
    if any(isinstance(e, ConnectionRefusedError) for e in causes):
        return "the connection was refused", "REFUSED"
    match error:
        case httpx.ConnectTimeout():
            return "the connection took too long", "NO_ANSWER"
        case httpx.TimeoutException():
            return "the answer took too long", "NO_ANSWER"
        case httpx.ConnectError():
            return "no connection could be made", "NO_ANSWER"
        case httpx.RemoteProtocolError():
            return "the server broke off or did not speak HTTP", "PROTOCOL"
    return f"the connection broke ({type(error).__name__})", "PROTOCOL"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
