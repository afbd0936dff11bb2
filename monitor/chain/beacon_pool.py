"""Several beacon nodes as one: the first that is on our network, in sync and not behind answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from monitor.chain.beacon import Beacon, BeaconSpec
from monitor.chain.redact import labels
from monitor.errors import BadAnswer, ConfigError, NodeError, NodeUnavailable, WrongChain
from monitor.ports import Clock

T = TypeVar("T")
MAX_LAG_SLOTS = 16
"""A head older than this by the clock is not a head; three minutes on mainnet."""


class BeaconState(StrEnum):
    """What the last attempt showed."""

    NOT_ASKED = "not asked yet"
    OK = "ok"
    FAILED = "failed"


class BeaconHealth(NamedTuple):
    """One node as `status` shows it."""

    label: str
    state: BeaconState
    problem: str


class BeaconNodes:
    """Asks the nodes in their configured order. Not for use from several threads at once."""

    def __init__(
        self, urls: Sequence[str], clock: Clock, chain_id: int, *, list_timeout_s: float = 300
    ) -> None:
        if not urls:
            raise ConfigError("BEACON_URLS", "names no beacon node.")
        self._clock = clock
        self._chain_id = chain_id
        named = zip(urls, labels(urls), strict=True)
        self._nodes = [Beacon(url, label=label, list_timeout_s=list_timeout_s) for url, label in named]
        self._specs: dict[str, BeaconSpec] = {}
        self._problems: dict[str, str] = {}

    def using(self, work: Callable[[Beacon, BeaconSpec], T]) -> T:
        """The result of `work` on the first node that is fit and can do it.

        Where none can, raises the most telling failure: what a node in good order said about the
        question before what kept others from being asked.
        """
        failures: list[tuple[bool, NodeError]] = []
        for node in self._nodes:
            fit = False
            try:
                spec = self._checked(node)
                fit = True
                result = work(node, spec)
            except NodeError as error:
                self._problems[node.label] = error.problem
                failures.append((fit, error))
            else:
                self._problems[node.label] = ""
                return result
        raise max(failures, key=_telling)[1]

    def health(self) -> list[BeaconHealth]:
        """Every node in its configured order."""
        return [self._health(node.label) for node in self._nodes]

    def close(self) -> None:
        """Close idle connections."""
        for node in self._nodes:
            node.close()

    def abort(self) -> None:
        """Make calls in progress fail at once: the process is ending."""
        for node in self._nodes:
            node.abort()

    def _health(self, label: str) -> BeaconHealth:
        problem = self._problems.get(label)
        if problem is None:
            return BeaconHealth(label, BeaconState.NOT_ASKED, "")
        return BeaconHealth(label, BeaconState.FAILED if problem else BeaconState.OK, problem)

    def _checked(self, node: Beacon) -> BeaconSpec:
        """The node's constants, if it is on our network and follows its head."""
        spec = self._specs.get(node.label) or node.spec()
        if spec.chain_id != self._chain_id:
            raise WrongChain(
                node.label, f"it follows chain {spec.chain_id}, not {self._chain_id}. Check BEACON_URLS."
            )
        self._specs[node.label] = spec
        syncing = node.syncing()
        if syncing.is_optimistic:
            raise NodeUnavailable(
                node.label, "it follows the chain optimistically: its execution node is not in sync."
            )
        if syncing.is_syncing:
            raise NodeUnavailable(node.label, f"it is syncing, {syncing.sync_distance} slots to go.")
        lag = spec.slot_at(self._clock.now()) - syncing.head_slot
        if lag > MAX_LAG_SLOTS:
            raise NodeUnavailable(node.label, f"its head is {lag} slots behind the clock.")
        return spec


def _telling(failure: tuple[bool, NodeError]) -> tuple[bool, bool]:
    fit, error = failure
    return fit, isinstance(error, BadAnswer)
