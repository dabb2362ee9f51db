"""What is wrong with a broker's certificate: librdkafka only tells that something is."""

from __future__ import annotations

import re
import socket
import ssl

from brookmill.config import Outside
from brookmill.connections.egress import judge
from brookmill.errors import ConnectionFailed

#: How librdkafka's errors begin: ``sasl_ssl://host:port/bootstrap: …``.
_BROKER = re.compile(r"(?:sasl_)?ssl://\[?(?P<host>[^/\]]+?)\]?:(?P<port>\d+)/")
_TIMEOUT = 5.0


def complaint(error: str, authority: str | None, outside: Outside) -> str | None:
    """Why the certificate of the broker that ``error`` is about cannot be believed, in a few words.

    ``authority``: the only one to believe, as PEM; None: the machine's. None when it is not found out.
    """
    broker = _BROKER.match(error)
    if broker is None:
        return None
    host, port = broker["host"], int(broker["port"])
    try:
        context = ssl.create_default_context(cadata=authority)
        with socket.create_connection((judge(host, port, outside)[0], port), _TIMEOUT) as plain:
            context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as e:
        return e.verify_message.rstrip(".")
    except (OSError, ValueError, ConnectionFailed):
        pass
    return None
