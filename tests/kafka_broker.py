"""A real Apache Kafka on loopback, with every way to log in, from jars that are fetched once.

It needs Java 17 and, the first time, Maven and the network. ``unavailable()`` says what is missing.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import trustme
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from servers import Broker, wait_until
from token_endpoint import AUDIENCE, ISSUER, TokenEndpoint

POM = Path(__file__).parent / "kafka" / "pom.xml"
#: Where the jars are kept: beside the virtual environment, for all runs to come.
JARS = POM.parents[2] / ".jars" / "kafka"

#: A login that PLAIN and both kinds of SCRAM know, and one that none does.
USER, PASSWORD = "ann", "p4ss-w0rd"
#: Topics whose names begin so are denied to everybody but the anonymous user of the plain listener.
DENIED = "denied-"

#: Listener -> protocol. The last two serve certificates that nobody should accept.
LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "SASL": "SASL_PLAINTEXT",
    "SASLTLS": "SASL_SSL",
    "TLS": "SSL",
    "EXPIRED": "SSL",
    "OTHERHOST": "SSL",
}
_JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dkafka.logs.dir=."]
_LOGGING = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=info"]


def unavailable() -> str | None:
    """Why there can be no Apache Kafka here; None when there can. Fetches the jars."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java, and there is none"
    if not JARS.is_dir():
        if shutil.which("mvn") is None:
            return "Apache Kafka's jars are not there, and there is no Maven to fetch them"
        return _fetch()
    return None


def _fetch() -> str | None:
    """Fetch the jars beside their place first: whoever else does the same, one of them is whole."""
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=JARS.parent) as fresh:
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        try:
            ran = subprocess.run(
                [*command, f"-DoutputDirectory={fresh}/lib"],
                check=False,
                capture_output=True,
                text=True,
                timeout=300,
            )
        except subprocess.TimeoutExpired:
            return "Apache Kafka's jars could not be fetched in five minutes"
        if ran.returncode:
            errors = [line for line in ran.stdout.splitlines() if "ERROR" in line]
            return f"Apache Kafka's jars could not be fetched: {' '.join(errors[:1])[:300]}"
        if not JARS.is_dir():
            Path(fresh, "lib").rename(JARS)
    return None


@dataclass
class KafkaBroker:
    """``servers``: ``host:port`` by listener. ``ca``: signed every certificate that is good."""

    servers: Mapping[str, str]
    ca: trustme.CA
    tokens: TokenEndpoint

    @property
    def plain(self) -> Broker:
        """Its plain listener, which needs no login and may do everything."""
        return Broker(self.servers["PLAINTEXT"])

    @property
    def ca_pem(self) -> str:
        return self.ca.cert_pem.bytes().decode()

    def denied_topic(self) -> str:
        return self.plain.topic(prefix=DENIED)


def chain_pem(certificate: trustme.LeafCert) -> str:
    """A certificate and those that signed it."""
    return "".join(blob.bytes().decode() for blob in certificate.cert_chain_pems)


def key_pem(certificate: trustme.LeafCert, password: bytes | None = None) -> str:
    """Its key as PKCS #8, which is what Java reads; encrypted if there is a password."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    secrecy: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secrecy).decode()


@contextmanager
def kafka_broker(directory: Path, tokens: TokenEndpoint) -> Iterator[KafkaBroker]:
    """A broker that keeps its data in ``directory`` and takes the tokens of ``tokens``."""
    ports = _free_ports(len(LISTENERS) + 1)
    servers = {name: f"127.0.0.1:{port}" for name, port in zip(LISTENERS, ports, strict=False)}
    ca = trustme.CA()
    settings = directory / "server.properties"
    lines = {**_settings(directory, servers, ports[-1]), **_certificates(directory, ca), **_logins()}
    jwks = directory / "jwks.json"
    jwks.write_text(tokens.jwks)
    lines |= _oauth(jwks)
    settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    _format(directory, settings)
    java = [*_JAVA, *_LOGGING, f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={jwks.as_uri()}"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*java, "-cp", f"{JARS}/*", "kafka.Kafka", settings], stdout=log, stderr=log, cwd=directory
        )
    try:
        started = "Kafka Server started"
        wait_until(lambda: _says(directory, process, started), 60, "the start of Apache Kafka")
        _deny(servers["PLAINTEXT"])
        yield KafkaBroker(servers, ca, tokens)
    finally:
        process.kill()  # its data is thrown away: there is nothing to wait for
        process.wait(20)


def _says(directory: Path, process: subprocess.Popen[bytes], text: str) -> bool:
    log = (directory / "log").read_text()
    assert process.poll() is None, log[-3000:]
    return text in log


def _free_ports(count: int) -> list[int]:
    """All different: none is given back before all are found."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def _settings(directory: Path, servers: Mapping[str, str], controller: int) -> dict[str, str]:
    listeners = ",".join(f"{name}://{server}" for name, server in servers.items())
    protocols = ",".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items())
    single = ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"]
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{protocols}",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(directory / "data"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.min.isr": "1",
        "log.cleaner.enable": "false",
        **{f"{topic}.replication.factor": "1" for topic in single},
    }


def _certificates(directory: Path, ca: trustme.CA) -> dict[str, str]:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    served = {
        "SASLTLS": ca.issue_cert("127.0.0.1"),
        "TLS": ca.issue_cert("127.0.0.1"),
        "EXPIRED": ca.issue_cert("127.0.0.1", not_before=past - dt.timedelta(days=9), not_after=past),
        "OTHERHOST": ca.issue_cert("elsewhere.example"),
    }
    trusted = directory / "ca.pem"
    trusted.write_bytes(ca.cert_pem.bytes())
    settings = {"listener.name.tls.ssl.client.auth": "required"}
    settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(trusted)}
    for name, certificate in served.items():
        path = directory / f"{name}.pem"
        path.write_text(key_pem(certificate) + chain_pem(certificate))
        settings[f"listener.name.{name.lower()}.ssl.keystore.type"] = "PEM"
        settings[f"listener.name.{name.lower()}.ssl.keystore.location"] = str(path)
    return settings


def _logins() -> dict[str, str]:
    common = "org.apache.kafka.common.security"
    modules = {
        "plain": f'{common}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        "scram-sha-256": f"{common}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{common}.scram.ScramLoginModule required;",
        "oauthbearer": f"{common}.oauthbearer.OAuthBearerLoginModule required;",
    }
    settings = {
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.sasltls.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
    }
    for listener in ("sasl", "sasltls"):
        for mechanism, module in modules.items():
            settings[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = module
    return settings


def _oauth(jwks: Path) -> dict[str, str]:
    validator = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
    settings = {}
    for listener in ("sasl", "sasltls"):
        name = f"listener.name.{listener}.oauthbearer.sasl"
        settings[f"{name}.server.callback.handler.class"] = validator
        settings[f"{name}.oauthbearer.jwks.endpoint.url"] = jwks.as_uri()
        settings[f"{name}.oauthbearer.expected.audience"] = AUDIENCE
        settings[f"{name}.oauthbearer.expected.issuer"] = ISSUER
    return settings


def _format(directory: Path, settings: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
    users = [
        part
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for part in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
    ]
    tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings), *users]
    command = [*_JAVA, "-cp", f"{JARS}/*", *tool]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=directory)
    assert ran.returncode == 0, ran.stderr[-3000:]


def _deny(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    everybody = AclBinding(
        ResourceType.TOPIC,
        DENIED,
        ResourcePatternType.PREFIXED,
        "User:*",
        "*",
        AclOperation.ALL,
        AclPermissionType.DENY,
    )
    admin.create_acls([everybody])[everybody].result(20)


if __name__ == "__main__":  # `make jars`
    print(unavailable() or f"{len(os.listdir(JARS))} jars in {JARS}")
