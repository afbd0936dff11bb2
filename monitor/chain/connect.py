"""From settings to a pool of endpoints that has answered once, with its blob schedule."""

from __future__ import annotations

import logging

from monitor.chain.endpoints import Endpoints
from monitor.chain.public import MAINNET, public_endpoints
from monitor.chain.schedule import BlobFees, Findings, Mismatch, Unknown, find_blob_fees
from monitor.config import Settings
from monitor.domain import BlockRef
from monitor.errors import ConfigError, NodeError, NodeUnavailable, WrongChain
from monitor.ports import Clock
from monitor.supply.forks import CHAINS
from monitor.units import BlockHash, BlockNumber

log = logging.getLogger(__name__)


def connect(settings: Settings, clock: Clock, stored_chain_id: int | None = None) -> Endpoints:
    """Endpoints of `settings`, else public ones, after the first of them gave its head.

    The chain is ETHMON_CHAIN_ID, else that of the database, else that of the first endpoint.
    Raises ConfigError naming ETH_RPC_URLS and the way out when nobody answers.
    """
    expected = settings.chain_id or stored_chain_id
    urls = settings.eth_rpc_urls
    if not urls:
        expected = expected or MAINNET
        urls = public_endpoints(expected)
        if not urls:
            raise ConfigError(
                "ETH_RPC_URLS", f"there is no public endpoint of chain {expected}.", "Name your node."
            )
    source = Endpoints(urls, clock=clock, chain_id=expected, timeout_s=settings.call_seconds)
    try:
        head = source.head()
        adopt_schedule(source, head)
    except WrongChain as error:
        raise ConfigError(
            "ETH_RPC_URLS", error.problem, "Name a node of that chain, or another ETHMON_DB."
        ) from None
    except NodeUnavailable as error:
        raise ConfigError("ETH_RPC_URLS", *_nobody(settings, error)) from None
    return source


def adopt_schedule(source: Endpoints, head: BlockRef) -> Findings:
    """Price blob gas by what node and table agree on from now on, and say what is in doubt."""
    findings = find_blob_fees(source, CHAINS.get(source.chain_id()), head)
    before = source.blob_fee
    if isinstance(findings.verdict, Unknown) and _in_doubt(before):
        return findings  # nothing has cleared the doubt
    source.blob_fee = findings.fees
    if isinstance(findings.verdict, Mismatch) and not _in_doubt(before):
        log.error("blob burn is not published: %s", findings.verdict.cause)
    for note in findings.notes:
        log.debug("blob schedule: %s", note)
    return findings


def genesis_hash(source: Endpoints) -> BlockHash | None:
    """Hash of block 0; None where the node keeps no history."""
    try:
        genesis = source.ref(BlockNumber(0))
    except NodeError:
        return None
    return genesis.hash if genesis else None


def _in_doubt(fees: object) -> bool:
    return isinstance(fees, BlobFees) and fees.doubt_since is not None


def _nobody(settings: Settings, error: NodeUnavailable) -> tuple[str, str]:
    count = len(settings.eth_rpc_urls)
    who = "the endpoint did not answer" if count == 1 else f"none of {count} endpoints answered"
    if not count:
        who = "none of the public endpoints answered; is there a network?"
    return (
        f"{who} ({str(error).rstrip('.')}).",
        "Set it to your node, or see everything without a network: `ethmon demo` (in a checkout: `make demo`).",
    )
