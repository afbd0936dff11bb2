"""One beacon node: the few answers that a supply monitor needs, typed and checked.

Every method raises NodeError: NodeUnavailable (try later, or another node), BlockGone (404),
Unsupported, BadAnswer (nonsense). An optimistic answer, whose execution block the node has not
verified, is NodeUnavailable: it is not a fact yet.
"""

from __future__ import annotations

import time
from typing import Any, Generic, NamedTuple, Self, TypeVar

import msgspec

from monitor.chain.beacon_http import JSON, SSZ_OR_JSON, BeaconHttp, NotAcceptable
from monitor.chain.beacon_sums import BALANCES, PENDING_DEPOSITS, Listing, Sum, sum_listing
from monitor.chain.quantity import address
from monitor.errors import BadAnswer, NodeUnavailable
from monitor.units import Address, BlockHash, BlockNumber, Epoch, Gwei, Slot, UnixTime

T = TypeVar("T")
NEVER = Epoch(2**64 - 1)
"""FAR_FUTURE_EPOCH: a fork that is not scheduled."""


class BeaconSpec(NamedTuple):
    """The network's constants, of `config/spec` and `beacon/genesis`."""

    chain_id: int
    genesis_time: UnixTime
    seconds_per_slot: int
    slots_per_epoch: int
    electra_epoch: Epoch
    gloas_epoch: Epoch
    deposit_contract: Address | None
    """None where the node does not tell it."""

    def epoch_of(self, slot: Slot) -> Epoch:
        """The epoch that a slot lies in."""
        return Epoch(slot // self.slots_per_epoch)

    def slot_at(self, moment: UnixTime) -> Slot:
        """The slot in progress at `moment`."""
        return Slot(max(moment - self.genesis_time, 0) // self.seconds_per_slot)


class Syncing(msgspec.Struct, frozen=True):
    """`node/syncing`."""

    head_slot: int
    sync_distance: int
    is_syncing: bool
    is_optimistic: bool = False
    el_offline: bool = False


class Header(NamedTuple):
    """A beacon block's place in the chain."""

    slot: Slot
    root: str
    parent_root: str
    state_root: str


class BeaconBlock(NamedTuple):
    """What a beacon block moves between the layers."""

    slot: Slot
    parent_root: str
    execution_hash: BlockHash
    execution_number: BlockNumber | None
    """None since Gloas, where the block names only a hash, and the payload may never come."""
    timestamp: UnixTime | None
    deposits_gwei: Gwei
    """Entering by this block: bridge deposits, deposit requests, builder deposits."""
    withdrawals_gwei: Gwei | None
    """Leaving by this block; None since Gloas, where the payload has them."""


class _Envelope(msgspec.Struct, Generic[T]):
    data: T
    execution_optimistic: bool = False


class _Message(msgspec.Struct):
    slot: int
    parent_root: str
    state_root: str


class _SignedHeader(msgspec.Struct):
    message: _Message


class _Header(msgspec.Struct):
    root: str
    header: _SignedHeader
    canonical: bool = True


class _Amount(msgspec.Struct):
    amount: int


class _Payload(msgspec.Struct):
    block_hash: str
    block_number: int
    timestamp: int
    withdrawals: list[_Amount] = []


class _Bid(msgspec.Struct):
    block_hash: str


class _SignedBid(msgspec.Struct):
    message: _Bid


class _DepositBody(msgspec.Struct):
    data: _Amount


class _Requests(msgspec.Struct):
    deposits: list[_Amount] = []
    builder_deposits: list[_Amount] = []


class _Body(msgspec.Struct):
    execution_payload: _Payload | None = None
    signed_execution_payload_bid: _SignedBid | None = None
    deposits: list[_DepositBody] = []
    execution_requests: _Requests | None = None
    parent_execution_requests: _Requests | None = None


class _Block(msgspec.Struct):
    slot: int
    parent_root: str
    body: _Body


class _SignedBlock(msgspec.Struct):
    message: _Block


class _Checkpoint(msgspec.Struct):
    epoch: int
    root: str


class _Checkpoints(msgspec.Struct):
    finalized: _Checkpoint


class _Root(msgspec.Struct):
    root: str


class _Genesis(msgspec.Struct):
    genesis_time: int


class Beacon:
    """Reads from one node. `timeout_s` is for one small answer, `list_timeout_s` for a long list."""

    def __init__(
        self, url: str, *, label: str | None = None, timeout_s: float = 15, list_timeout_s: float = 300
    ) -> None:
        self._http = BeaconHttp(url, label=label)
        self.label = self._http.label
        self._timeout_s = timeout_s
        self._list_timeout_s = list_timeout_s

    def spec(self) -> BeaconSpec:
        """The network's constants."""
        values = self._get("/eth/v1/config/spec", dict[str, Any])
        genesis = self._get("/eth/v1/beacon/genesis", _Genesis)
        try:
            contract = values.get("DEPOSIT_CONTRACT_ADDRESS")
            milliseconds = values.get("SLOT_DURATION_MS") or int(values["SECONDS_PER_SLOT"]) * 1000
            return BeaconSpec(
                chain_id=int(values["DEPOSIT_CHAIN_ID"]),
                genesis_time=UnixTime(genesis.genesis_time),
                seconds_per_slot=max(int(milliseconds) // 1000, 1),
                slots_per_epoch=max(int(values["SLOTS_PER_EPOCH"]), 1),
                electra_epoch=Epoch(int(values.get("ELECTRA_FORK_EPOCH", NEVER))),
                gloas_epoch=Epoch(int(values.get("GLOAS_FORK_EPOCH", NEVER))),
                deposit_contract=address(contract) if contract is not None else None,
            )
        except (KeyError, TypeError, ValueError):
            raise BadAnswer(self.label, "its config/spec lacks or garbles a constant.") from None

    def syncing(self) -> Syncing:
        """Whether it follows the chain."""
        return self._get("/eth/v1/node/syncing", Syncing)

    def finalized_epoch(self) -> Epoch:
        """The newest finalized epoch as its head state says."""
        checkpoints = self._get("/eth/v1/beacon/states/head/finality_checkpoints", _Checkpoints)
        return Epoch(checkpoints.finalized.epoch)

    def header(self, block: Slot | str) -> Header:
        """The canonical header at a slot, or that of a root. BlockGone for a missed slot."""
        answer = self._get(f"/eth/v1/beacon/headers/{block}", _Header)
        message = answer.header.message
        if isinstance(block, int) and message.slot != block:
            raise BadAnswer(self.label, f"it was asked for slot {block} and answered slot {message.slot}.")
        return Header(Slot(message.slot), answer.root, message.parent_root, message.state_root)

    def state_root(self, slot: Slot) -> str:
        """Root of the state that the node serves for a slot."""
        return self._get(f"/eth/v1/beacon/states/{slot}/root", _Root).root

    def block(self, block: Slot | str) -> BeaconBlock:
        """A block's links between the layers."""
        message = self._get(f"/eth/v2/beacon/blocks/{block}", _SignedBlock).message
        body = message.body
        requests = [r for r in (body.execution_requests, body.parent_execution_requests) if r is not None]
        deposits = sum(row.data.amount for row in body.deposits) + sum(
            row.amount for request in requests for row in (*request.deposits, *request.builder_deposits)
        )
        payload, bid = body.execution_payload, body.signed_execution_payload_bid
        if payload is not None:
            withdrawn = sum(row.amount for row in payload.withdrawals)
            return BeaconBlock(
                Slot(message.slot),
                message.parent_root,
                BlockHash(payload.block_hash),
                BlockNumber(payload.block_number),
                UnixTime(payload.timestamp),
                Gwei(deposits),
                Gwei(withdrawn),
            )
        if bid is None:
            raise BadAnswer(self.label, f"its block {block} names no execution block.")
        hash_ = BlockHash(bid.message.block_hash)
        return BeaconBlock(Slot(message.slot), message.parent_root, hash_, None, None, Gwei(deposits), None)

    def balances(self, state: Slot | str) -> Sum:
        """Balances of all validators, exited ones too."""
        return self._sum(f"/eth/v1/beacon/states/{state}/validator_balances", BALANCES)

    def pending_deposits(self, state: Slot | str) -> Sum:
        """The deposit queue; there is none before Electra (BlockGone)."""
        return self._sum(f"/eth/v1/beacon/states/{state}/pending_deposits", PENDING_DEPOSITS)

    def builders(self, state: Slot | str) -> Sum:
        """Balances of all builders; there are none before Gloas (BlockGone)."""
        return self._sum(f"/eth/v1/beacon/states/{state}/builder_balances", BALANCES)

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def abort(self) -> None:
        """Break calls in progress; safe in a signal handler."""
        self._http.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, path: str, kind: type[T]) -> T:
        body = self._http.read(path, time.monotonic() + self._timeout_s)
        try:
            # Not strict: the Beacon API writes its numbers as text.
            answer = msgspec.json.decode(body, type=_Envelope[kind], strict=False)
        except (msgspec.MsgspecError, RecursionError):
            raise BadAnswer(self.label, f"its answer to {path} is not what the Beacon API says.") from None
        if answer.execution_optimistic:
            raise self._optimistic()
        return answer.data

    def _sum(self, path: str, listing: Listing) -> Sum:
        deadline = time.monotonic() + self._list_timeout_s
        try:
            result = self._sum_as(path, listing, SSZ_OR_JSON, deadline)
        except NotAcceptable:
            result = self._sum_as(path, listing, JSON, deadline)
        if result.is_optimistic:
            raise self._optimistic()
        return result

    def _sum_as(self, path: str, listing: Listing, accept: str, deadline: float) -> Sum:
        with self._http.stream(path, accept, deadline) as answer:
            return sum_listing(answer, listing, self.label)

    def _optimistic(self) -> NodeUnavailable:
        return NodeUnavailable(
            self.label, "it follows the chain optimistically: its execution node is not in sync."
        )
