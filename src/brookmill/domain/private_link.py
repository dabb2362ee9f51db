"""A private link: what upstream needs to know of a service that connections reach past the public network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.progress import reached

State = Literal["IDLE", "WORKING", "DONE", "DELETE_REQUESTED", "DELETING"]

_MAKING: tuple[State, ...] = ("IDLE", "WORKING", "DONE")
#: None: it is gone.
DELETING: tuple[State | None, ...] = ("DELETE_REQUESTED", "DELETING", None)

#: Stands for a vendor never sent.
GENERIC = "GENERIC"

#: The vendors of every provider, and the members that each cannot do without. Those that upstream's clients
#: disagree about are not among them.
VENDORS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "AWS": {
        "CONFLUENT": ("region", "service_endpoint_id"),
        "KINESIS": ("region", "service_endpoint_id"),
        "LAMBDA": ("region", "service_endpoint_id"),
        "MSK": ("arn",),
        "S3": ("region", "service_endpoint_id"),
        GENERIC: (),
    },
    "AZURE": {
        "AZURE_BLOB_STORAGE": ("dns_domain",),
        "CONFLUENT": ("region", "dns_domain", "azure_resource_ids"),
        "EVENTHUB": ("region", "dns_domain", "service_endpoint_id"),
        GENERIC: (),
    },
    "GCP": {
        "CONFLUENT": ("region", "dns_domain", "gcp_service_attachment_uris"),
        "PUBSUB": (),
        GENERIC: (),
    },
}

#: Members that must not come with a provider and vendor.
_FOREIGN: Mapping[tuple[str, str], str] = {
    ("AWS", "LAMBDA"): "arn",
    ("AWS", "MSK"): "region",
    ("AZURE", "CONFLUENT"): "service_endpoint_id",
    ("AZURE", "EVENTHUB"): "azure_resource_ids",
}

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=100)]
Three = Annotated[tuple[Word, ...], msgspec.Meta(max_length=3)]


class Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsPrivateLinkConnection`` as it is sent. ``vendor`` UNSET means GENERIC."""

    arn: Annotated[str, msgspec.Meta(pattern="^arn:aws:kafka", max_length=1024)] | UnsetType = UNSET
    authentication_scheme: Literal["TLS", "SASL_SCRAM", "IAM"] | UnsetType = UNSET
    azure_resource_ids: Words | UnsetType = UNSET
    dns_domain: Word | UnsetType = UNSET
    dns_sub_domain: Words | UnsetType = UNSET
    gcp_connection_ids: Three | UnsetType = UNSET
    gcp_service_attachment_uris: Three | UnsetType = UNSET
    provider: Word
    region: Word | UnsetType = UNSET
    service_endpoint_id: Word | UnsetType = UNSET
    vendor: Word | UnsetType = UNSET

    def canonical(self) -> Target:
        """The same with provider and vendor in the spelling that is kept."""
        vendor = GENERIC if self.vendor is UNSET else self.vendor.upper()
        return msgspec.structs.replace(self, provider=self.provider.upper(), vendor=vendor)

    def problems(self) -> Iterator[str]:
        """Texts for VALIDATION_ERROR, first the one to show. Of a canonical target."""
        vendors, vendor = VENDORS.get(self.provider), str(self.vendor)
        if vendors is None:
            yield "Invalid provider"
        elif vendor not in vendors:
            yield f"Invalid vendor for provider {self.provider}"
        else:
            yield from self._gaps(vendors[vendor], f"for provider {self.provider} and vendor {vendor}")
        yield from (f"{w} has a value twice" for w, items in self._lists() if len(set(items)) != len(items))
        below = () if self.dns_sub_domain is UNSET else self.dns_sub_domain
        if self.dns_domain is not UNSET and not all(self.dns_domain in name for name in below):
            yield "Every dnsSubDomain must contain the dnsDomain"

    def _gaps(self, required: tuple[str, ...], where: str) -> Iterator[str]:
        wires = dict(zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True))
        yield from (f"{wires[n]} is required {where}" for n in required if getattr(self, n) in (UNSET, ()))
        foreign = _FOREIGN.get((self.provider, str(self.vendor)))
        if foreign is not None and getattr(self, foreign) not in (UNSET, ()):
            yield f"{wires[foreign]} cannot be specified {where}"

    def _lists(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for wire, name in zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True):
            if isinstance(value := getattr(self, name), tuple):
                yield wire, value


class PrivateLink(msgspec.Struct, frozen=True, kw_only=True):
    """A private link of a project; times in seconds since the epoch. ``deleted``: when that was asked for."""

    id: str
    group_id: str
    target: Target
    created: float
    deleted: float | None = None

    def state(self, now: float) -> State | None:
        """Where it stands at ``now``; None once it is gone."""
        if self.deleted is not None:
            return reached(self.deleted, now, DELETING)
        return reached(self.created, now, _MAKING)

    @property
    def endpoint(self) -> tuple[str, str]:
        """Id and name of the interface endpoint that stands for the link once it is made: labels here."""
        mark = hashlib.sha256(self.id.encode()).hexdigest()
        if self.target.provider == "AWS":
            return f"vpce-{mark[:17]}", f"vpce-{mark[:17]}-{mark[17:25]}"
        return f"pe-{mark[:12]}", f"pl-{self.id}"
