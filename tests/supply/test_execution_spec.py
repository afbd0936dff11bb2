"""Our fee rules against the executable execution spec, fork by fork."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest
from ethereum_types.numeric import U64, Uint
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.supply.blobs import GAS_PER_BLOB, MAX_EXPONENT, blob_base_fee_wei, excess_blob_gas, schedule_at
from monitor.supply.burn import next_base_fee_wei
from monitor.supply.forks import MAINNET

FORKS = ["cancun", "prague", "osaka", "bpo1", "bpo2"]
WITH_RESERVE_PRICE = {"osaka", "bpo1", "bpo2"}


MODULES = {
    # At import: the spec raises the recursion limit, which Hypothesis must not see happen in a test.
    (fork, module): importlib.import_module(f"ethereum.forks.{fork}.{module}")
    for fork in ("london", *FORKS)
    for module in ("fork", "blocks", "vm.gas")
}


def spec(fork: str, module: str) -> Any:
    return MODULES[fork, module]


def header(fork: str, base_fee: int, used: int, excess: int) -> Any:
    kind = spec(fork, "blocks").Header
    fields = dict.fromkeys(field.name for field in dataclasses.fields(kind))
    fields |= {
        "base_fee_per_gas": Uint(base_fee),
        "blob_gas_used": U64(used),
        "excess_blob_gas": U64(excess),
    }
    return kind(**fields)


def schedule_of(fork: str) -> Any:
    return schedule_at(MAINNET.schedules, MAINNET.time_of(fork))


@pytest.mark.parametrize("fork", FORKS)
def test_the_schedule_of_each_fork_is_the_specs(fork: str) -> None:
    gas = spec(fork, "vm.gas")
    schedule = schedule_of(fork)
    assert int(gas.BLOB_BASE_FEE_UPDATE_FRACTION) == schedule.base_fee_update_fraction
    assert int(gas.TARGET_BLOB_GAS_PER_BLOCK) == schedule.target * GAS_PER_BLOB
    assert int(gas.GAS_PER_BLOB) == GAS_PER_BLOB
    if fork in WITH_RESERVE_PRICE:
        assert int(gas.BLOB_SCHEDULE_MAX) == schedule.max


@pytest.mark.parametrize("fork", FORKS)
@settings(max_examples=150)
@given(data=st.data())
def test_blob_base_fee_is_the_specs(fork: str, data: st.DataObject) -> None:
    fraction = schedule_of(fork).base_fee_update_fraction
    excess = data.draw(st.integers(0, MAX_EXPONENT * fraction))
    assert blob_base_fee_wei(excess, fraction) == int(
        spec(fork, "vm.gas").calculate_blob_gas_price(U64(excess))
    )


@pytest.mark.parametrize("fork", FORKS)
@settings(max_examples=200)
@given(data=st.data())
def test_excess_blob_gas_is_the_specs(fork: str, data: st.DataObject) -> None:
    schedule = schedule_of(fork)
    used = data.draw(st.integers(0, schedule.max)) * GAS_PER_BLOB
    excess = data.draw(
        st.one_of(
            st.integers(0, 2 * schedule.target * GAS_PER_BLOB),
            st.integers(0, 40 * schedule.base_fee_update_fraction),
        )
    )
    # Near the reserve price both branches of EIP-7918 are met; far from it only one.
    edge = blob_base_fee_wei(excess, schedule.base_fee_update_fraction) * GAS_PER_BLOB // 8192
    base_fee = data.draw(st.one_of(st.integers(max(edge - 2, 0), edge + 2), st.integers(0, 10**13)))
    ours = excess_blob_gas(excess, used, base_fee, schedule, eip7918=fork in WITH_RESERVE_PRICE)
    theirs = spec(fork, "vm.gas").calculate_excess_blob_gas(header(fork, base_fee, used, excess))
    assert ours == int(theirs)


@pytest.mark.parametrize("fork", FORKS)
def test_the_first_block_with_blobs_starts_from_nothing(fork: str) -> None:
    ours = excess_blob_gas(None, None, 10**9, schedule_of(fork), eip7918=fork in WITH_RESERVE_PRICE)
    assert ours == int(spec(fork, "vm.gas").calculate_excess_blob_gas(None)) == 0


@pytest.mark.parametrize("fork", ["london", "bpo2"])
@settings(max_examples=200)
@given(
    gas_limit=st.integers(5_000, 10**9),
    share=st.integers(0, 1_000),
    base_fee=st.integers(0, 10**14),
)
def test_base_fee_is_the_specs(fork: str, gas_limit: int, share: int, base_fee: int) -> None:
    gas_used = gas_limit * share // 1_000
    theirs = spec(fork, "fork").calculate_base_fee_per_gas(
        Uint(gas_limit), Uint(gas_limit), Uint(gas_used), Uint(base_fee)
    )
    assert next_base_fee_wei(gas_limit, gas_used, base_fee) == int(theirs)
