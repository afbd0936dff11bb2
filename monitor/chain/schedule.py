"""Which blob schedule prices blob gas, and whether the node agrees with it.

`eth_config` tells the present and the future, our table (`monitor.supply.forks`) the past, and
where they differ, what the node itself charged (`eth_feeHistory`, else receipts) decides. A stale update fraction is the
commonest bug of blob accounting, on either side: where the two prices differ, the blob fee from
that schedule on is not published, and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from monitor.chain.blocks import BLOCK, to_ref
from monitor.chain.eth_config import NodeConfig, integer, read_config
from monitor.chain.member import Member
from monitor.chain.pool import Pool
from monitor.chain.quantity import hex_number, int64, number
from monitor.chain.receipts import blob_gas_price, read_receipts
from monitor.chain.rpc import Call, Shape, unwrap
from monitor.chain.verdict import Agreed, Mismatch, Unknown, Verdict
from monitor.domain import BlobSchedule, BlockRef
from monitor.errors import BadAnswer, BlockGone, ScheduleInDoubt, Unsupported
from monitor.supply.blobs import blob_base_fee_wei, schedule_at, schedule_doubt
from monitor.supply.forks import Chain, fork_id
from monitor.units import BlobGas, BlockNumber, UnixTime, Wei

T = TypeVar("T")

__all__ = ["Agreed", "BlobFees", "Findings", "Mismatch", "Unknown", "Verdict", "compare", "find_blob_fees"]

COMPARED_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class BlobFees:
    """A `BlobFee`: prices blob gas by schedule, and nothing from `doubt_since` on."""

    schedules: tuple[BlobSchedule, ...]
    doubt_since: UnixTime | None = None

    def __call__(self, timestamp: UnixTime, excess: BlobGas) -> Wei | None:
        """The blob base fee of a block; None before the first known schedule and where in doubt."""
        if self.doubt_since is not None and timestamp >= self.doubt_since:
            return None
        schedule = schedule_at(self.schedules, timestamp)
        if schedule is None:
            return None
        try:
            return blob_base_fee_wei(excess, schedule.base_fee_update_fraction)
        except ScheduleInDoubt:
            return None

    def next_change(self, after: UnixTime) -> BlobSchedule | None:
        """The next schedule that is known to come."""
        return next((s for s in self.schedules if s.activation_time > after), None)


@dataclass(frozen=True, slots=True)
class Findings:
    """The fees to use and how far to trust them."""

    fees: BlobFees
    verdict: Verdict
    notes: tuple[str, ...] = ()
    """For the user: our table is out of date, the node has no eth_config, ..."""


class _FeeHistoryJson(msgspec.Struct, rename="camel"):
    oldest_block: int | str
    base_fee_per_blob_gas: list[str] | None = None


_FEE_HISTORY: Shape[_FeeHistoryJson | None] = Shape(_FeeHistoryJson | None)


def find_blob_fees(pool: Pool, known: Chain | None, head: BlockRef) -> Findings:
    """Ask the node, look into our table (`known`), and let the fees it charged decide.

    Raises NodeUnavailable when nobody answers; a node that cannot tell is a finding, not an error.
    """
    table = known.schedules if known else ()
    notes: list[str] = []
    try:
        config = pool.using(read_config)
    except (Unsupported, BadAnswer) as error:
        config = None
        notes.append(f"no schedule from the node ({error.problem})")
    reported = config.schedules if config else ()
    if config and known:
        notes += _table_notes(config, known)
    fees = [BlobFees(c) for c in dict.fromkeys((_extend(table, reported), _replace(table, reported))) if c]
    if not fees:
        return Findings(BlobFees(()), Unknown("neither the node nor our table has a schedule"), tuple(notes))
    tried = [(one, _verdict(pool, one, head)) for one in fees]
    best = next((t for t in tried if isinstance(t[1], Agreed) and t[1].telling), None)
    best = best or next((t for t in tried if isinstance(t[1], Agreed)), tried[0])
    chosen, verdict = best
    if isinstance(verdict, Mismatch):
        chosen = replace(chosen, doubt_since=_since(chosen, head))
    return Findings(chosen, verdict, tuple(notes))


def _verdict(pool: Pool, fees: BlobFees, head: BlockRef) -> Verdict:
    """The node's fees are the proof; without one, a schedule that cannot be is refused."""
    try:
        verdict = compare(pool, fees, head)
    except (BadAnswer, BlockGone, Unsupported) as error:
        verdict = Unknown(error.problem)
    doubt = _first_doubt(fees.schedules)
    if doubt is None or (isinstance(verdict, Agreed) and verdict.telling):
        return verdict
    return Mismatch(f"the node reports a schedule that cannot be: {doubt}")


def compare(pool: Pool, fees: BlobFees, head: BlockRef) -> Verdict:
    """Our prices of the newest blocks against what the node says that it charged."""

    def read(member: Member) -> Verdict:
        first = max(0, head.number - COMPARED_BLOCKS + 1)
        ours = _our_prices(member, fees, first, head)
        if not ours:
            return Unknown("the newest blocks have no blob fields")
        theirs = _fee_history(member, first, head) or _from_receipts(member, ours)
        if not theirs:
            return Unknown("the node tells no blob fee")
        return _judge(ours, theirs)

    return pool.using(read)


@dataclass(frozen=True, slots=True)
class _Price:
    """Our price of a block, and whether the block before had the same schedule."""

    ref: BlockRef
    wei: Wei | None
    blobs: bool


def _our_prices(member: Member, fees: BlobFees, first: int, head: BlockRef) -> dict[int, _Price]:
    numbers = range(first, head.number + 1)
    calls = [Call("eth_getBlockByNumber", [hex_number(block), False]) for block in numbers]
    prices: dict[int, _Price] = {}
    before: BlobSchedule | None = None
    for block, answer in zip(numbers, member.endpoint.batch(calls, BLOCK), strict=True):
        json = unwrap(answer)
        if json is None:
            raise BlockGone(member.label, f"it has no block {block}.")
        ref = to_ref(json, member.label)
        schedule = schedule_at(fees.schedules, ref.timestamp)
        # The first block of a schedule is left out: fee histories price it with the old one.
        if json.excess_blob_gas is not None and (block == 0 or schedule == before or before is None):
            price = fees(ref.timestamp, BlobGas(_read(int64, json.excess_blob_gas, member)))
            prices[block] = _Price(ref, price, json.blob_gas_used not in {None, "0x0"})
        before = schedule
    return prices


def _fee_history(member: Member, first: int, head: BlockRef) -> dict[int, int]:
    count = head.number - first + 1
    try:
        json = member.endpoint.call(
            "eth_feeHistory", [hex_number(count), hex_number(head.number), []], _FEE_HISTORY
        )
    except Unsupported:
        return {}
    fees = json.base_fee_per_blob_gas if json else None
    if json is None or not fees:
        return {}
    oldest = _read(integer, json.oldest_block, member)
    # The extra last entry is the block to come; a zero is "before Cancun" or "do not know".
    priced = {oldest + index: _read(number, text, member) for index, text in enumerate(fees[:count])}
    return {block: fee for block, fee in priced.items() if fee}


def _from_receipts(member: Member, ours: dict[int, _Price]) -> dict[int, int]:
    for block, price in reversed(ours.items()):
        if not price.blobs:
            continue
        try:
            charged = blob_gas_price(read_receipts(member.endpoint, price.ref))
        except (Unsupported, ValueError):
            return {}
        if charged is not None:
            return {block: charged}
    return {}


def _judge(ours: dict[int, _Price], theirs: dict[int, int]) -> Verdict:
    common = sorted(set(ours) & set(theirs))
    if not common:
        return Unknown("the node tells no blob fee of the newest blocks")
    for block in common:
        wei = ours[block].wei
        if wei is None:
            return Mismatch(
                f"block {BlockNumber(block)}: the node charged {theirs[block]} wei, we have no schedule for it"
            )
        if wei != theirs[block]:
            return Mismatch(
                f"block {block}: the node charged {theirs[block]} wei per blob gas, our schedule says {wei}"
            )
    return Agreed(len(common), any(theirs[block] > 1 for block in common))


def _extend(table: Sequence[BlobSchedule], reported: Sequence[BlobSchedule]) -> tuple[BlobSchedule, ...]:
    """Our table, and from the node what is newer than it."""
    newest = table[-1].activation_time if table else -1
    return (*table, *(s for s in reported if s.activation_time > newest))


def _replace(table: Sequence[BlobSchedule], reported: Sequence[BlobSchedule]) -> tuple[BlobSchedule, ...]:
    """The node's schedules, and from our table what is older than they are."""
    oldest = reported[0].activation_time if reported else 0
    return (*(s for s in table if s.activation_time < oldest), *reported)


def _first_doubt(schedules: Iterable[BlobSchedule]) -> str | None:
    return next((doubt for doubt in map(schedule_doubt, schedules) if doubt), None)


def _since(fees: BlobFees, head: BlockRef) -> UnixTime:
    current = schedule_at(fees.schedules, head.timestamp)
    return current.activation_time if current else UnixTime(0)


def _table_notes(config: NodeConfig, known: Chain) -> list[str]:
    notes: list[str] = []
    if config.fork_id is not None and config.fork_id != fork_id(known, config.activation_time):
        notes.append(f"the node's fork id {config.fork_id[:12]} is not in our table of {known.name}")
    ours = {s.activation_time: s for s in known.schedules}
    for schedule in config.schedules:
        expected = ours.get(schedule.activation_time) or schedule_at(
            known.schedules, schedule.activation_time
        )
        if expected is None or _parameters(expected) != _parameters(schedule):
            notes.append(
                f"the node's blob schedule from {schedule.activation_time} is not in our table of {known.name}"
            )
    return notes


def _parameters(schedule: BlobSchedule) -> tuple[int, int, int]:
    return schedule.target, schedule.max, schedule.base_fee_update_fraction


def _read(parse: Callable[[T], int], value: T, member: Member) -> int:
    try:
        return parse(value)
    except ValueError as error:
        raise BadAnswer(member.label, f"a blob fee, excess or block number is {error}.") from None
