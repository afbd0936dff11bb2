"""Fixtures on real local chains, for all tests.

- `anvil`: a chain of the test's own (0.1 s), automine off, blocks 12 s apart, chain id 1337.
- `start_anvil`: the same with a `ChainSpec`; as many as a test wants, all stopped at its end.
- `aave_v30_net`, `aave_v32_net`: Aave v3 with the demo's positions open, automine on.
- `morpho_net`: Morpho Blue with four markets, automine on.

The nets are deployed once per worker; each test gets the chain as it was then (ETH at $2,400).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from monitor.localnet.aave_v3 import Market, deploy_aave_v30
from monitor.localnet.actors import Cast, open_positions
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.localnet.control import Control
from monitor.localnet.packages import install
from tests.support.aave_v32 import deploy_aave_v32
from tests.support.morpho import MorphoNet, deploy_morpho

StartAnvil = Callable[[ChainSpec], Anvil]
NET = ChainSpec(automine=True, accounts=40)


@dataclass(frozen=True)
class AaveNet:
    """A lending market on a chain of its own. `cast.others` are funded with ETH and have no position."""

    anvil: Anvil
    market: Market
    cast: Cast


@pytest.fixture
def start_anvil() -> Iterator[StartAnvil]:
    with ExitStack() as stack:
        yield lambda spec: stack.enter_context(Anvil.start(spec))


@pytest.fixture
def anvil(start_anvil: StartAnvil) -> Anvil:
    return start_anvil(ChainSpec())


@contextmanager
def _put_back(control: Control) -> Iterator[None]:
    name = control.snapshot()
    yield
    control.revert(name)


def _aave(deploy: Callable[[Control], Market]) -> Iterator[AaveNet]:
    with Anvil.start(NET) as anvil:
        market = deploy(anvil.control)
        yield AaveNet(anvil, market, open_positions(market))


@pytest.fixture(scope="session")
def _aave_v30() -> Iterator[AaveNet]:
    yield from _aave(lambda control: deploy_aave_v30(control, install()))


@pytest.fixture(scope="session")
def _aave_v32() -> Iterator[AaveNet]:
    yield from _aave(deploy_aave_v32)


@pytest.fixture(scope="session")
def _morpho() -> Iterator[MorphoNet]:
    with Anvil.start(NET) as anvil:
        yield deploy_morpho(anvil)


@pytest.fixture
def aave_v30_net(_aave_v30: AaveNet) -> Iterator[AaveNet]:
    with _put_back(_aave_v30.anvil.control):
        yield _aave_v30


@pytest.fixture
def aave_v32_net(_aave_v32: AaveNet) -> Iterator[AaveNet]:
    with _put_back(_aave_v32.anvil.control):
        yield _aave_v32


@pytest.fixture
def morpho_net(_morpho: MorphoNet) -> Iterator[MorphoNet]:
    with _put_back(_morpho.anvil.control):
        yield _morpho
