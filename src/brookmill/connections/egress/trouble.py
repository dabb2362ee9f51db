"""Why a request failed, in words for users: what to look at, and whether trying again may help."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx

from brookmill.errors import ConnectionFailed

#: OpenSSL's verdicts on a certificate (``verify_code``), by what they mean for users.
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNKNOWN = {2, 18, 19, 20, 21}


def failed(what: str, error: httpx.TransportError) -> ConnectionFailed:
    """``what``: the request without secrets, e.g. its method and URL. A certificate stays wrong for ever."""
    if problem := certificate_problem(error):
        return ConnectionFailed(f"{what} failed: {problem}", retry=False)
    return ConnectionFailed(f"{what} failed: {_reason(error)}")


def certificate_problem(error: BaseException) -> str | None:
    """What is wrong with the certificate, where that is behind ``error``; None: it is something else."""
    verdict = next((e for e in _chain(error) if isinstance(e, ssl.SSLCertVerificationError)), None)
    return None if verdict is None else _certificate(verdict)


def _certificate(verdict: ssl.SSLCertVerificationError) -> str:
    match verdict.verify_code:
        case code if code == _EXPIRED:
            return "the server's certificate has expired"
        case code if code == _NOT_YET:
            return "the server's certificate is not valid yet"
        case code if code in (_WRONG_NAME, _WRONG_ADDRESS):
            return "the server's certificate is for another name"
        case code if code in _UNKNOWN:
            return (
                "the server's certificate is signed by an unknown authority; "
                "the variable SSL_CERT_FILE can name a file with it"
            )
        case _:
            return f"the server's certificate is not valid: {verdict.verify_message}"


def _reason(error: httpx.TransportError) -> str:
    causes = list(_chain(error))
    if unresolved := next((e for e in causes if isinstance(e, ConnectionFailed)), None):
        return str(unresolved)
    if broken := next((e for e in causes if isinstance(e, ssl.SSLError)), None):
        return f"TLS is not possible with this server ({broken.reason or type(broken).__name__})"
    if any(isinstance(e, ConnectionRefusedError) for e in causes):
        return "the connection was refused"
    match error:
        case httpx.ConnectTimeout():
            return "the connection took too long"
        case httpx.TimeoutException():
            return "the answer took too long"
        case httpx.ConnectError():
            return "no connection could be made"
        case httpx.RemoteProtocolError():
            return "the server broke off or did not speak HTTP"
    return f"the connection broke ({type(error).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
