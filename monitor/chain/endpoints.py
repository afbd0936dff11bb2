"""The chain as the follower sees it: `BlockSource` over a pool of endpoints.

Every live block is checked to be what its hash says before it is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from monitor.chain.blocks import BlobFee, no_blob_fee, to_block, to_blocks, to_ref
from monitor.chain.checked import check_hash, read_checked
from monitor.chain.header import HEADER
from monitor.chain.incomplete import all_without_doubted
from monitor.chain.member import Feature, Member
from monitor.chain.pinned import Pinned
from monitor.chain.pool import Pool
from monitor.chain.quantity import hex_number
from monitor.chain.receipts import with_receipts
from monitor.chain.rpc import DEFAULT_TIMEOUT_S, Call
from monitor.domain import Block, BlockRef
from monitor.errors import BadAnswer, BlockGone, NodeError, Unsupported
from monitor.ports import Clock
from monitor.supply.forks import CHAINS, SECONDS_PER_SLOT, SLOTS_PER_EPOCH
from monitor.units import BlockHash, BlockNumber

log = logging.getLogger(__name__)

FINAL_AFTER_S = SLOTS_PER_EPOCH * SECONDS_PER_SLOT
"""Two epochs by the protocol, at the least; blocks that are missing at its edge make it a little less."""


class Endpoints(Pool):
    """Several endpoints as one `BlockSource`, with pinned readers for state."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        clock: Clock,
        chain_id: int | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        blob_fee: BlobFee = no_blob_fee,
    ) -> None:
        """Nothing is sent yet. Raises ConfigError for URLs that cannot be used.

        `blob_fee` prices blob gas (`monitor.chain.schedule`); it may be replaced later.
        """
        super().__init__(urls, clock=clock, chain_id=chain_id, timeout_s=timeout_s)
        self.blob_fee = blob_fee
        self._final: BlockRef | None = None
        self._doubted = False

    def head(self) -> BlockRef:
        """The newest block of the endpoint in use; one that is behind the others is left first."""
        return self.newest_head()

    def finalized(self) -> BlockRef | None:
        """The newest finalized block; None where the node has none yet, or none that can be.

        Finality is remembered for ever: a node that calls final what is not would stop all following at
        the next reorg. So it is believed on known chains from an epoch behind the head on (it takes
        two), and where other endpoints are configured only of a block that one of them has too.
        """

        def read(member: Member) -> tuple[BlockRef | None, str]:
            json = read_checked(member, Call("eth_getBlockByNumber", ["finalized", False]), self.chain_id())
            found = None if json is None else to_ref(json, member.label)
            if found is None or found == self._final or self.chain_id() not in CHAINS:
                return found, ""
            age = self._read_head(member).timestamp - found.timestamp
            young = f"{member.label} calls block {found.number} final, {age} s before its head"
            return found, young if age < FINAL_AFTER_S else ""

        try:
            found, doubt = self.using(read)
        except (BlockGone, Unsupported):
            return None
        if found is None or found == self._final:
            return found
        doubt = doubt or self._otherwise(found)
        if doubt:
            if not self._doubted:
                log.warning("finality is not believed: %s", doubt)
            self._doubted = True
            return None
        self._final, self._doubted = found, False
        return found

    def _otherwise(self, found: BlockRef) -> str:
        """What another endpoint has in place of a block; nothing where there is none that can be asked."""
        try:
            theirs = self.using(lambda member: self._ref(member, found.number), elsewhere=True)
        except NodeError:
            return ""
        same = theirs is None or theirs.hash == found.hash
        return "" if same else f"another endpoint has another block {found.number}"

    def ref(self, number: BlockNumber) -> BlockRef | None:
        """The canonical block at `number` as the endpoint in use sees it now."""
        return self.using(lambda member: self._ref(member, number))

    def _ref(self, member: Member, number: BlockNumber) -> BlockRef | None:
        call = Call("eth_getBlockByNumber", [hex_number(number), False])
        json = read_checked(member, call, self.chain_id())
        if json is None:
            return None
        ref = to_ref(json, member.label)
        if ref.number != number:
            raise BadAnswer(member.label, f"it gave block {ref.number} for block {number}.")
        return ref

    def blocks(self, first: BlockNumber, last: BlockNumber) -> Sequence[Block | None]:
        """Blocks `first` to `last` in order from one endpoint; None where it has none."""

        def read(member: Member) -> Sequence[Block | None]:
            calls = [
                Call("eth_getBlockByNumber", [hex_number(number), False]) for number in range(first, last + 1)
            ]
            answers = member.endpoint.batch(calls, HEADER)
            for answer in answers:
                check_hash(member, answer, self.chain_id())
            blocks = to_blocks(answers, first, self.blob_fee, member.label)
            return all_without_doubted(with_receipts(member, blocks), self.gas_doubt_since)

        return self.using(read)

    def block_by_hash(self, block_hash: BlockHash) -> Block | None:
        """The block with this hash, None when the node does not know it."""

        def read(member: Member) -> Block | None:
            json = read_checked(member, Call("eth_getBlockByHash", [block_hash, False]), self.chain_id())
            if json is None:
                return None
            ref = to_ref(json, member.label)
            if ref.hash != block_hash:
                raise BadAnswer(member.label, f"it gave another block for the hash of block {ref.number}.")
            block = to_block(json, ref.number, self.blob_fee, member.label)
            return all_without_doubted(with_receipts(member, [block]), self.gas_doubt_since)[0]

        try:
            return self.using(read)
        except BlockGone:
            return None

    def pinned(self, block: BlockRef, *, elsewhere: bool = False) -> Pinned:
        """A reader of state that sees this one block only.

        `elsewhere` is for a second opinion before a reading alarms anyone: it asks an endpoint that
        is not in use, and raises Unsupported where there is none.
        """
        return Pinned(self, block, elsewhere=elsewhere)

    def features(self) -> dict[Feature, bool]:
        """What the endpoint in use can do, probed once per endpoint."""
        from monitor.chain.features import probe_all

        return self.using(probe_all)
