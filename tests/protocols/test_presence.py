"""A protocol that is not deployed at a block has no positions there; one that goes silent is a gap."""

from __future__ import annotations

import pytest

from monitor.adapters import adapters_for
from monitor.lending.position import Unseen
from monitor.protocols.base import Refusal
from tests.support.contracts import Contracts, address_of, block_at

NOTHING = Refusal("it answers nothing: no such function, or no contract")
KEYS = [adapter.key for adapter in adapters_for(1)]


class Desert(Contracts):
    """A chain without any of the contracts."""

    def _one(self, ask):
        return NOTHING


class Ruins(Contracts):
    """Contracts that revert whatever they are asked."""


def adapter_of(key):
    return next(adapter for adapter in adapters_for(1) if adapter.key == key)


@pytest.mark.parametrize("key", KEYS)
def test_before_its_deployment_a_protocol_has_no_rows(key):
    accounts = [address_of("one"), address_of("two")]
    assert list(Desert().run(adapter_of(key).read(accounts, block_at(1_600_000_000)))) == []


@pytest.mark.parametrize("key", KEYS)
def test_contracts_that_revert_are_gaps(key):
    seen = Ruins().run(adapter_of(key).read([address_of("one")], block_at(1_600_000_000)))
    assert seen
    assert all(isinstance(one, Unseen) for one in seen)


@pytest.mark.parametrize("key", KEYS)
def test_a_contract_that_answered_once_and_is_silent_now_is_a_gap(key):
    adapter, at = adapter_of(key), block_at(1_600_000_000)
    Ruins().run(adapter.read([address_of("one")], at))
    seen = Desert().run(adapter.read([address_of("one")], at))
    assert seen
    assert all(isinstance(one, Unseen) for one in seen)


@pytest.mark.parametrize("key", KEYS)
def test_nobody_to_look_for_asks_nothing(key):
    contracts = Desert()
    assert list(contracts.run(adapter_of(key).read([], block_at(1_600_000_000)))) == []
    assert contracts.rounds == 0
