"""Plays a plan on a stage: fills blocks and mines them, live or as fast as it goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from monitor.errors import LocalnetError
from monitor.localnet.aave_v3 import ETH_FEED
from monitor.localnet.actors import Move, opening_moves
from monitor.localnet.scenario import Step, other_demand
from monitor.localnet.stage import BLOB_FEES, BURNER, Stage
from monitor.units import MAX_UINT256, WEI_PER_GWEI, Address, UnixTime, floor_div

_MOVE_GAS = 1_200_000
_TRANSFER_GAS = 21_000
_MAX_FEE = hex(10**12)
_LOOK_EVERY_S = 0.01
_OTHER_MINER = Address("0x" + "c0" * 20)
"""Fee recipient of the blocks that replace others."""


class Pace(Protocol):
    """When blocks come."""

    def next_block(self, previous: UnixTime) -> UnixTime | None:
        """Wait until a block is due and return its time, above `previous`; None to stop."""
        ...


class AtOnce:
    """Blocks 12 s apart in their own time, without waiting."""

    def next_block(self, previous: UnixTime) -> UnixTime:
        """See `Pace`."""
        return UnixTime(previous + 12)


class Live:
    """A block every `interval_s` seconds of the wall clock, until `stop` is set."""

    def __init__(self, interval_s: float, stop: threading.Event) -> None:
        self._interval_s = interval_s
        self._stop = stop
        self._due = time.monotonic()

    def next_block(self, previous: UnixTime) -> UnixTime | None:
        """See `Pace`."""
        self._due = max(self._due + self._interval_s, time.monotonic())
        if self._stop.wait(max(0.0, self._due - time.monotonic())):
            return None
        return UnixTime(max(previous + 1, int(time.time())))


class InStep:
    """Blocks 12 s apart in their own time, each as soon as somebody has seen the one before."""

    def __init__(self, seen: Callable[[], bool], stop: threading.Event) -> None:
        self._seen = seen
        self._stop = stop

    def next_block(self, previous: UnixTime) -> UnixTime | None:
        """See `Pace`."""
        while not self._stop.is_set():
            if self._seen():
                return UnixTime(previous + 12)
            self._stop.wait(_LOOK_EVERY_S)
        return None


class Player:
    """Plays steps in order. One at a time on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._control = stage.anvil.control
        self._times: list[UnixTime] = [stage.anvil.spec.timestamp]
        self._past: list[Step] = []

    def play(self, steps: Iterable[Step], pace: Pace) -> None:
        """Mine every step, or stop when the pace says so. Raises `LocalnetError` when the chain refuses."""
        for step in steps:
            at = pace.next_block(self._times[-1])
            if at is None:
                return
            if step.replaces:
                self._replace(step.replaces)
            self._mine(step, at)
            self._past.append(step)
            self._times.append(at)

    def _replace(self, depth: int) -> None:
        """Drop the last blocks and mine their like with other contents, at the same times."""
        self._control.roll_back(depth)
        usual = self._control.block(0)["miner"]
        self._control.set_coinbase(_OTHER_MINER)
        for step, at in zip(self._past[-depth:], self._times[-depth:], strict=True):
            self._mine(other_demand(step), at)
        self._control.set_coinbase(usual)

    def _mine(self, step: Step, at: UnixTime) -> None:
        moves = [self._send(move.request(), _MOVE_GAS, tip_gwei=9) for move in self._moves(step)]
        self._send_blobs(step.blobs)
        self._send_traffic(step, len(moves))
        self._control.set_next_time(at)
        self._control.mine()
        for name in moves:
            receipt = self._control.call("eth_getTransactionReceipt", name)
            if receipt is None or receipt["status"] != "0x1":
                raise LocalnetError(f"The scenario's transaction {name} did not go through.")

    def _moves(self, step: Step) -> list[Move]:
        market, cast = self._stage.market, self._stage.cast
        moves = opening_moves(market, cast) if step.opens else []
        if step.price is not None:
            moves.append(Move(market.deployer.owner, market.feeds[ETH_FEED], "report", (step.price,)))
        if step.liquidates:
            tokens = (market.tokens["WETH"], market.tokens["USDT"])
            arguments = (*tokens, cast.whale, MAX_UINT256, False)
            moves.append(Move(cast.liquidator, market.pool, "liquidationCall", arguments))
        return moves

    def _send_traffic(self, step: Step, moves: int) -> None:
        """Plain transfers, and one transaction that uses what is left of the wanted gas."""
        first, second = self._stage.cast.others[:2]
        transfer = {"from": first, "to": second, "value": "0x1"}
        self._send_all([transfer] * step.transfers, _TRANSFER_GAS)
        limit = self._stage.anvil.spec.gas_limit
        wanted = int(limit * step.fullness) - _TRANSFER_GAS * (step.transfers + step.blobs)
        if moves:
            wanted = min(
                wanted - moves * floor_div(_MOVE_GAS, 4), limit - moves * _MOVE_GAS - floor_div(limit, 10)
            )
        if wanted > 100_000:
            self._send({"from": second, "to": BURNER}, wanted)

    def _send_blobs(self, blobs: int) -> None:
        if blobs:
            sender = self._stage.blobs
            nonce = int(self._control.call("eth_getTransactionCount", sender.address, "latest"), 16)
            self._control.call("eth_sendRawTransaction", sender.sign(nonce, blobs, BLOB_FEES))

    def _send(self, request: dict[str, Any], gas: int, *, tip_gwei: int = 1) -> str:
        return self._send_all([request], gas, tip_gwei=tip_gwei)[0]

    def _send_all(self, requests: Sequence[dict[str, Any]], gas: int, *, tip_gwei: int = 1) -> list[str]:
        fees = {
            "gas": hex(gas),
            "maxFeePerGas": _MAX_FEE,
            "maxPriorityFeePerGas": hex(tip_gwei * WEI_PER_GWEI),
        }
        return self._control.batch([("eth_sendTransaction", [{**request, **fees}]) for request in requests])
