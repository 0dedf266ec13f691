"""The account's domains, and the DNS records that they need. https://resend.com/docs/api-reference/domains"""

from collections.abc import Sequence

import resend

from services.provider_kit.contract import DnsRecord, SendingDomain
from services.providers.resend.client import ResendClient
from services.providers.resend.schemas import CheckedDomain, Domain, Record

_MOST_DETAILED = 10
"""Each domain's records are a call of their own, and Resend answers five calls a second."""


def list_domains(client: ResendClient) -> Sequence[SendingDomain]:
    """Return the account's domains, the connection's own first; the first ten with their DNS records.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    listed = sorted(client.list_domains(), key=lambda domain: domain.name.lower() != client.domain)
    detailed = [_fetch(client, domain) for domain in listed[:_MOST_DETAILED]]
    return tuple(_domain(domain) for domain in (*detailed, *listed[_MOST_DETAILED:]))


def check_domain(client: ResendClient, domain_id: str) -> None:
    """Ask Resend to look at the domain's DNS records again; it takes its time and reports in the domain's status.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    client.call(CheckedDomain, lambda: resend.Domains.verify(domain_id))


def _fetch(client: ResendClient, domain: Domain) -> Domain:
    return client.call(Domain, lambda: resend.Domains.get(domain.id))


def _domain(domain: Domain) -> SendingDomain:
    return SendingDomain(
        id=domain.id,
        name=domain.name.lower(),
        status=domain.status,
        can_receive=domain.capabilities.receiving == "enabled",
        records=tuple(_record(record) for record in domain.records),
    )


def _record(record: Record) -> DnsRecord:
    return DnsRecord(
        type=record.type,
        name=record.name,
        value=record.value,
        purpose=record.record,
        status=record.status,
        priority="" if record.priority is None else str(record.priority),
    )
