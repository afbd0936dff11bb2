"""Chains that we know by heart: when each fork began, under which names people ask for it.

A node's `eth_config` comes first (`monitor.chain`); this is the past that it does not tell, the
fallback, and the cross-check: `fork_id` must equal the `forkId` that the node reports.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from monitor.domain import BlobSchedule
from monitor.supply.pow import BYZANTIUM, CONSTANTINOPLE, block_reward_wei
from monitor.units import Address, BlockNumber, UnixTime, Wei

SECONDS_PER_SLOT = 12
SLOTS_PER_EPOCH = 32


@dataclass(frozen=True, slots=True)
class Fork:
    """One change of rules. `block` is the first block under them, where it is known."""

    name: str
    time: UnixTime | None
    """Activation time, or the first block's time for forks by block number; None where not known."""
    block: BlockNumber | None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """A known network. Forks and schedules rise in time."""

    chain_id: int
    name: str
    genesis_hash: str
    fork_blocks: tuple[int, ...]
    """Every fork by block number since genesis, for the fork id (EIP-2124)."""
    forks: tuple[Fork, ...]
    schedules: tuple[BlobSchedule, ...]
    beacon_genesis: UnixTime
    deposit_contract: Address
    reward_cuts: tuple[BlockNumber, BlockNumber] = (BlockNumber(0), BlockNumber(0))
    """First blocks of Byzantium and of Constantinople: which reward a mined block had."""

    def fork(self, name: str) -> Fork | None:
        """A fork by any of its names, upper or lower case: `merge`, `paris`, `dencun`, `cancun`."""
        wanted = name.lower()
        return next((fork for fork in self.forks if wanted == fork.name or wanted in fork.aliases), None)

    def time_of(self, name: str) -> UnixTime | None:
        """Activation time of a fork; None where the chain has not scheduled it."""
        fork = self.fork(name)
        return fork.time if fork else None

    def mined_wei(self, number: BlockNumber) -> Wei:
        """Reward of a proof-of-work block itself, without uncles."""
        byzantium, constantinople = self.reward_cuts
        return block_reward_wei(number, byzantium=byzantium, constantinople=constantinople)

    def is_active(self, name: str, timestamp: UnixTime) -> bool:
        """Whether a block of this time lies under the fork's rules."""
        start = self.time_of(name)
        return start is not None and timestamp >= start


def _at(name: str, time: int | None, block: int | None, *aliases: str) -> Fork:
    return Fork(
        name,
        None if time is None else UnixTime(time),
        None if block is None else BlockNumber(block),
        aliases,
    )


def _blobs(*rows: tuple[int, int, int, int]) -> tuple[BlobSchedule, ...]:
    return tuple(BlobSchedule(UnixTime(time), *rest) for time, *rest in rows)


MERGE = ("paris", "bellatrix")
SHANGHAI = ("shapella", "capella")
CANCUN = ("dencun", "deneb")
PRAGUE = ("pectra", "electra")
OSAKA = ("fusaka", "fulu")
AMSTERDAM = ("glamsterdam", "gloas")

MAINNET = Chain(
    chain_id=1,
    name="mainnet",
    genesis_hash="0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    fork_blocks=(
        1_150_000, 1_920_000, 2_463_000, 2_675_000, BYZANTIUM, CONSTANTINOPLE,
        9_069_000, 9_200_000, 12_244_000, 12_965_000, 13_773_000, 15_050_000,
    ),
    forks=(
        _at("london", 1_628_166_822, 12_965_000),
        _at("merge", 1_663_224_179, 15_537_394, *MERGE),
        _at("shanghai", 1_681_338_455, 17_034_870, *SHANGHAI),
        _at("cancun", 1_710_338_135, 19_426_587, *CANCUN),
        _at("prague", 1_746_612_311, 22_431_084, *PRAGUE),
        _at("osaka", 1_764_798_551, 23_935_694, *OSAKA),
        _at("bpo1", 1_765_290_071, None),
        _at("bpo2", 1_767_747_671, None),
    ),
    schedules=_blobs(
        (1_710_338_135, 3, 6, 3_338_477),
        (1_746_612_311, 6, 9, 5_007_716),
        (1_765_290_071, 10, 15, 8_346_193),
        (1_767_747_671, 14, 21, 11_684_671),
    ),
    beacon_genesis=UnixTime(1_606_824_023),
    deposit_contract=Address("0x00000000219ab540356cbb839cbe05303d7705fa"),
    reward_cuts=(BYZANTIUM, CONSTANTINOPLE),
)  # fmt: skip

SEPOLIA = Chain(
    chain_id=11_155_111,
    name="sepolia",
    genesis_hash="0x25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9",
    fork_blocks=(1_735_371,),
    forks=(
        _at("london", 1_633_267_481, 0),
        _at("merge", None, 1_450_409, *MERGE),
        _at("shanghai", 1_677_557_088, None, *SHANGHAI),
        _at("cancun", 1_706_655_072, None, *CANCUN),
        _at("prague", 1_741_159_776, None, *PRAGUE),
        _at("osaka", 1_760_427_360, None, *OSAKA),
        _at("bpo1", 1_761_017_184, None),
        _at("bpo2", 1_761_607_008, None),
        _at("amsterdam", 1_791_294_816, None, *AMSTERDAM),
    ),
    schedules=_blobs(
        (1_706_655_072, 3, 6, 3_338_477),
        (1_741_159_776, 6, 9, 5_007_716),
        (1_761_017_184, 10, 15, 8_346_193),
        (1_761_607_008, 14, 21, 11_684_671),
    ),
    beacon_genesis=UnixTime(1_655_733_600),
    deposit_contract=Address("0x7f02c3e3c98b133055b8b348b2ac625669ed295d"),
)

HOODI = Chain(
    chain_id=560_048,
    name="hoodi",
    genesis_hash="0xbbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b",
    fork_blocks=(),
    forks=(
        _at("london", 1_742_212_800, 0),
        _at("merge", 1_742_212_800, 0, *MERGE),
        _at("shanghai", 1_742_212_800, 0, *SHANGHAI),
        _at("cancun", 1_742_212_800, 0, *CANCUN),
        _at("prague", 1_742_999_832, None, *PRAGUE),
        _at("osaka", 1_761_677_592, None, *OSAKA),
        _at("bpo1", 1_762_365_720, None),
        _at("bpo2", 1_762_955_544, None),
    ),
    schedules=_blobs(
        (1_742_212_800, 3, 6, 3_338_477),
        (1_742_999_832, 6, 9, 5_007_716),
        (1_762_365_720, 10, 15, 8_346_193),
        (1_762_955_544, 14, 21, 11_684_671),
    ),
    beacon_genesis=UnixTime(1_742_213_400),
    deposit_contract=Address("0x00000000219ab540356cbb839cbe05303d7705fa"),
)

CHAINS = {chain.chain_id: chain for chain in (MAINNET, SEPOLIA, HOODI)}


def reserve_price(chain_id: int | None, timestamp: UnixTime) -> bool:
    """Whether the base fee holds the blob fee up (EIP-7918); False on a chain that we do not know."""
    chain = CHAINS.get(chain_id or 0)
    return chain is not None and chain.is_active("osaka", timestamp)


def fork_id(chain: Chain, timestamp: UnixTime) -> str:
    """The fork hash of EIP-2124 and EIP-6122 at `timestamp` (any time after the last fork by block).

    `eth_config` reports the same as `forkId`: another value means that our table is out of date.
    """
    checksum = zlib.crc32(bytes.fromhex(chain.genesis_hash[2:]))
    for block in chain.fork_blocks:
        checksum = zlib.crc32(block.to_bytes(8, "big"), checksum)
    for time in _fork_times(chain):
        if time <= timestamp:
            checksum = zlib.crc32(time.to_bytes(8, "big"), checksum)
    return f"0x{checksum:08x}"


def _fork_times(chain: Chain) -> list[int]:
    """Forks by time, those of the genesis block left out, as the fork id wants them."""
    by_time = ("shanghai", "cancun", "prague", "osaka", "bpo1", "bpo2", "amsterdam")
    return [
        fork.time
        for fork in chain.forks
        if fork.name in by_time and fork.time is not None and fork.block != 0
    ]
