"""Fixtures on real local chains, for all tests.

- `anvil`: a chain of the test's own (0.1 s), automine off, blocks 12 s apart, chain id 1337.
- `start_anvil`: the same with a `ChainSpec`; as many as a test wants, all stopped at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from monitor.localnet.anvil import Anvil, ChainSpec

StartAnvil = Callable[[ChainSpec], Anvil]


@pytest.fixture
def start_anvil() -> Iterator[StartAnvil]:
    with ExitStack() as stack:
        yield lambda spec: stack.enter_context(Anvil.start(spec))


@pytest.fixture
def anvil(start_anvil: StartAnvil) -> Anvil:
    return start_anvil(ChainSpec())
