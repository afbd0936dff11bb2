"""`eth_config` (EIP-7910): what a node says of the fork in force and the next ones."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from monitor.chain.member import Member
from monitor.chain.quantity import int64
from monitor.chain.rpc import Shape
from monitor.domain import BlobSchedule
from monitor.errors import BadAnswer
from monitor.units import MAX_INT64, UnixTime


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What `eth_config` says about now and the future."""

    schedules: tuple[BlobSchedule, ...]
    fork_id: str | None
    activation_time: UnixTime
    """Of the fork in force."""


class _BlobJson(msgspec.Struct, rename="camel"):
    base_fee_update_fraction: int | str
    max: int | str
    target: int | str


class _ForkJson(msgspec.Struct, rename="camel"):
    activation_time: int | str
    blob_schedule: _BlobJson | None = None
    fork_id: str | None = None


class _ConfigJson(msgspec.Struct, rename="camel"):
    """Both shapes of EIP-7910: early ones had the fork id beside `current`, not inside."""

    current: _ForkJson
    next: _ForkJson | None = None
    last: _ForkJson | None = None
    current_fork_id: str | None = None


_CONFIG: Shape[_ConfigJson] = Shape(_ConfigJson)


def read_config(member: Member) -> NodeConfig:
    """`eth_config`. Raises Unsupported where the node has none, BadAnswer for nonsense."""
    json = member.endpoint.call("eth_config", [], _CONFIG)
    try:
        forks = [fork for fork in (json.current, json.next, json.last) if fork is not None]
        schedules = {s.activation_time: s for s in map(_schedule, forks) if s is not None}
        return NodeConfig(
            tuple(schedules[time] for time in sorted(schedules)),
            json.current.fork_id or json.current_fork_id,
            UnixTime(integer(json.current.activation_time)),
        )
    except ValueError as error:
        raise BadAnswer(member.label, f"eth_config holds {error}.") from None


def _schedule(fork: _ForkJson) -> BlobSchedule | None:
    blobs = fork.blob_schedule
    if blobs is None:
        return None
    return BlobSchedule(
        UnixTime(integer(fork.activation_time)),
        integer(blobs.target),
        integer(blobs.max),
        integer(blobs.base_fee_update_fraction),
    )


def integer(value: int | str) -> int:
    """A number below 2**63, or a hex quantity as some nodes write it. Raises ValueError."""
    if isinstance(value, str):
        return int64(value)
    if not 0 <= value <= MAX_INT64:
        raise ValueError("a number that is negative, or 2**63 or more")
    return value
