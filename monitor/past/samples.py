"""Issuance, sampled: the beacon nodes' balances of each due epoch, as rows of the store."""

from __future__ import annotations

import logging

from monitor.chain.beacon_pool import BeaconNodes
from monitor.chain.beacon_step import Sampler
from monitor.chain.endpoints import Endpoints
from monitor.errors import NodeError
from monitor.ports import Clock
from monitor.store import events, issuance
from monitor.store.database import Database
from monitor.supply.forks import CHAINS
from monitor.supply.issuance import Unknown
from monitor.units import format_gwei

log = logging.getLogger("ethmon")

EVERY_EPOCHS = 10
"""About an hour on mainnet; about 150 gwei of rewards a validator lie between two samples."""


def take_sample(
    db: Database, nodes: BeaconNodes, source: Endpoints, clock: Clock, *, every_epochs: int = EVERY_EPOCHS
) -> bool:
    """Take the sample that is due, if one is; a failure is logged and leaves no row. True: one was taken."""
    chain = CHAINS.get(source.chain_id())
    sampler = Sampler(
        nodes,
        source,
        chain.deposit_contract if chain else None,
        lambda first, last: issuance.withdrawn(db, first, last),
        every_epochs=every_epochs,
    )
    before = issuance.newest(db)
    try:
        step = sampler.step(before.total if before else None, before.next_deposit if before else None)
    except NodeError as error:
        log.warning("issuance is not measured: %s", error)
        events.record_event(db, clock.now(), "sample_failed", str(error))
        return False
    if step is None:
        return False
    issuance.save(db, step.total, step.issued, step.next_deposit)
    said = (
        step.issued.cause
        if isinstance(step.issued, Unknown)
        else f"{format_gwei(step.issued.gwei)} ETH issued"
    )
    log.info("sampled the consensus layer at slot %d: %s", step.total.slot, said)
    return True
