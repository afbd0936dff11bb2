"""Supplies read from real and hostile contracts on a real node, through tick, store, readings and alerts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Standstill
from monitor.domain import ListedToken
from monitor.errors import EthmonError
from monitor.past.supplies import read_supplies
from monitor.store import tokens as store
from monitor.store.database import Database
from monitor.store.tokens import SupplyRow
from monitor.tick import Tick
from monitor.units import MAX_UINT256, Address, BlockNumber
from monitor.watch import SnapshotReader, Watch
from monitor.watch.tokens import TokenWatch
from monitor.watchlist import parse_watchlist
from tests.support import hostile_tokens as hostile
from tests.support.clock import ManualClock
from tests.support.commands import ethmon
from tests.support.databases import new_database
from tests.support.localnet import AaveNet
from tests.support.rpc_server import RefusalError, RpcServer, forward_to

pytestmark = pytest.mark.localnet

MILLION = 10**6 * 10**6
"""Units of a dollar token with six decimals."""
EVERY = 20
"""Blocks between two looks at the past."""


def at(number: int) -> Address:
    return Address(f"0x{number:040x}")


def listed(name: str, address: Address, denomination: str = "USD") -> ListedToken:
    return ListedToken(name, address, "stablecoin", denomination, "a test")


@dataclass
class Following:
    """A daemon's tick over the net, with tokens to read every minute of block time."""

    net: AaveNet
    db: Database
    watch: Watch
    tick: Tick

    def follow(self) -> None:
        while not isinstance(self.tick.run(), Standstill):
            pass

    def mint(self, amount: int, token: str = "USDT") -> None:
        self.net.market.mint(token, self.net.cast.lender, amount)

    def pass_time(self, blocks: int) -> None:
        """12 s each; followed one by one, as they come."""
        for _ in range(blocks):
            self.later(12)
            self.follow()

    def later(self, seconds: int) -> None:
        """One block, after a while."""
        control = self.net.anvil.control
        control.set_next_time(int(control.block()["timestamp"], 16) + seconds)
        control.mine()

    def rows(self, name: str) -> list[SupplyRow]:
        return [row for one, row in store.rows_of_listed(self.db, 0, 2**40, name)]  # type: ignore[arg-type]

    def told(self) -> list[tuple[str, str]]:
        return self.db.rows("SELECT transition, title FROM alert ORDER BY serial")


@pytest.fixture
def following(aave_v30_net: AaveNet, tmp_path: Path) -> Iterator[Any]:
    opened: list[Any] = []

    def start(tokens: list[ListedToken], toml: dict[str, Any] | None = None, url: str = "") -> Following:
        source = Endpoints([url or aave_v30_net.anvil.url], clock=SystemClock(), chain_id=1337, timeout_s=5)
        db = new_database(tmp_path / "ethmon.db")
        opened.extend((source, db))
        watch = Watch(source, SnapshotReader(source, [], {}), parse_watchlist(toml or {}), ManualClock())
        watch.tokens = TokenWatch(tokens, 60)
        tick = Tick(source, db, ManualClock(), start_blocks=0, decide=watch.decide)
        return Following(aave_v30_net, db, watch, tick)

    yield start
    for one in opened:
        one.close()


def dollars(net: AaveNet) -> list[ListedToken]:
    return [listed(name, net.market.tokens[name].address) for name in ("USDT", "USDC")]


def test_a_stored_supply_is_what_the_contract_says_at_that_block(
    following: Any, aave_v30_net: AaveNet
) -> None:
    run = following(dollars(aave_v30_net))
    run.follow()
    for amount in (3 * MILLION, 5 * MILLION):
        run.mint(amount)
        run.pass_time(6)
    market = aave_v30_net.market
    for name in ("USDT", "USDC"):
        for row in run.rows(name):
            said = market.deployer.read(market.tokens[name], "totalSupply", block=row.block_number)
            assert (row.units, row.decimals, row.cause) == (said, 6, "")
    units = [row.units for row in run.rows("USDT")]
    assert [after - before for before, after in pairwise(units)] == [
        3 * MILLION,
        5 * MILLION,
    ]


def test_reads_keep_their_distance_and_a_row_is_news_or_hourly(following: Any, aave_v30_net: AaveNet) -> None:
    run = following(dollars(aave_v30_net))
    run.follow()
    trips = run.watch.reader.reader.round_trips
    run.pass_time(20)
    assert run.watch.reader.reader.round_trips - trips == 4, "one call a minute, for all tokens"
    assert len(run.rows("USDT")) == 1
    run.later(3_600)
    run.follow()
    rows = run.rows("USDT")
    assert len(rows) == 2
    assert rows[0].units == rows[1].units


@pytest.mark.parametrize("packed", [False, True])
def test_a_contract_that_tells_no_supply_is_a_cause_and_never_zero(
    following: Any, aave_v30_net: AaveNet, packed: bool
) -> None:
    control = aave_v30_net.anvil.control
    if packed:
        aave_v30_net.market.deployer.install_multicall3()
    codes = {
        "reverts": hostile.REVERTS,
        "burns gas": hostile.BURNS_ALL_GAS,
        "too little": hostile.SAYS_TOO_LITTLE,
        "nothing": hostile.SAYS_NOTHING,
        "no code": b"",
        "decimals 256": hostile.token(5, 256),
        "decimals 255": hostile.token(5, 255),
        "decimals 78": hostile.token(5, 78),
    }
    tokens = [listed(name, at(0xBAD00 + number)) for number, name in enumerate(codes)]
    for token, code in zip(tokens, codes.values(), strict=True):
        control.set_code(token.address, code)
    run = following([*dollars(aave_v30_net), *tokens])
    run.follow()
    for name in codes:
        (row,) = run.rows(name)
        assert (row.units, row.decimals) == (None, None), name
        assert row.cause, name
    assert run.rows("USDC")[0].units, "its neighbours are read all the same"
    assert run.db.row("SELECT count(*) FROM token_supply WHERE supply = '0'")[0] == 0


def test_extreme_answers_are_kept_to_the_last_digit(following: Any, aave_v30_net: AaveNet) -> None:
    control = aave_v30_net.anvil.control
    hostile_text = hostile.as_symbol("\x1b[31mUSDC\u202e</b>\0x")
    cases = {
        "largest": (MAX_UINT256, 0),
        "finest": (MAX_UINT256, 77),
        "none": (0, 18),
        "text": (hostile_text, 18),
    }
    tokens = [listed(name, at(0xF00 + number)) for number, name in enumerate(cases)]
    for token, case in zip(tokens, cases.values(), strict=True):
        control.set_code(token.address, hostile.token(*case))
    run = following(tokens)
    run.follow()
    for name, (supply, decimals) in cases.items():
        (row,) = run.rows(name)
        assert (row.units, row.decimals) == (supply, decimals)
    shown = dict(run.db.rows("SELECT name, supply_tokens FROM v_token_supply"))
    assert shown["largest"] == str(MAX_UINT256)
    assert shown["finest"] == f"{str(MAX_UINT256)[0]}.{str(MAX_UINT256)[1:]}"
    assert shown["none"] == "0.000000000000000000"
    symbols = {one.listed.name: one.symbol for one in store.listed(run.db)}
    assert symbols["text"] == "[31mUSDC</b>x", "printable ASCII alone"


def test_a_reorg_takes_the_rows_of_its_blocks_and_the_new_branch_is_read(
    following: Any, aave_v30_net: AaveNet
) -> None:
    run = following(dollars(aave_v30_net))
    run.follow()
    before = run.rows("USDT")[-1]
    control = aave_v30_net.anvil.control
    run.later(60)
    run.mint(7 * MILLION)
    run.follow()
    minted = run.rows("USDT")[-1]
    assert minted.units == (before.units or 0) + 7 * MILLION
    control.reorg(3)
    run.later(12)
    run.follow()
    rows = run.rows("USDT")
    assert rows[-1].units == aave_v30_net.market.deployer.read(
        aave_v30_net.market.tokens["USDT"], "totalSupply"
    )
    hashes = {control.block_hash(row.block_number) for row in rows}
    stored = {value for (value,) in run.db.rows("SELECT hash FROM recent_block")}
    assert hashes <= stored
    assert minted.units not in [row.units for row in rows]


def test_a_large_mint_is_told_once_and_a_burn_has_its_own_side(following: Any, aave_v30_net: AaveNet) -> None:
    rules = {
        "token": [
            {"name": "USDT", "address": aave_v30_net.market.tokens["USDT"].address, "alert_at_change": "5%", "window": "10m"},
        ],
        "rule": [{"name": "burned", "reading": "token.supply_change", "token": "USDT", "window": "10m", "below": "-5%"}],
    }  # fmt: skip
    run = following(dollars(aave_v30_net), rules)
    run.follow()
    run.later(600)
    run.follow()
    assert run.told() == []
    run.mint(200 * MILLION)
    run.pass_time(30)
    assert [(kind, "supply moved by" in title) for kind, title in run.told()] == [("opened", True)]


def test_where_no_node_answers_the_next_block_is_tried_and_the_gap_has_a_cause(
    following: Any, aave_v30_net: AaveNet
) -> None:
    broken: list[str] = []
    node = forward_to(aave_v30_net.anvil.url)

    def ask(method: str, params: list[Any]) -> Any:
        if method in broken:
            raise RefusalError(-32000, "missing trie node")
        return node(method, params)

    with RpcServer(ask) as server:
        run = following(dollars(aave_v30_net), url=server.url)
        run.follow()
        broken.append("eth_call")
        run.later(60)
        run.follow()
        unseen = run.rows("USDT")[-1]
        assert unseen.units is None
        assert unseen.cause.startswith("supplies: ")
        broken.clear()
        run.pass_time(1)
        assert run.rows("USDT")[-1].units


def test_the_past_is_read_at_even_distances_and_not_twice(following: Any, aave_v30_net: AaveNet) -> None:
    tokens = dollars(aave_v30_net)
    run = following(tokens)
    run.mint(3 * MILLION)
    control = aave_v30_net.anvil.control
    first = BlockNumber(1)
    control.mine(2 * EVERY)
    head = control.head_number()
    never = threading.Event()
    done = read_supplies(run.watch.source, run.db, tokens, first, head, cancel=never, every=EVERY)
    final = int(control.block("finalized")["number"], 16)
    looks = list(range(EVERY, final + 1, EVERY))
    assert len(looks) > 1
    assert (done.total, done.done) == (len(looks), len(looks))
    for row in run.rows("USDT"):
        assert row.units == aave_v30_net.market.deployer.read(
            aave_v30_net.market.tokens["USDT"], "totalSupply", block=row.block_number
        )
    assert [row.block_number for row in run.rows("USDT")] == looks
    assert read_supplies(run.watch.source, run.db, tokens, first, head, cancel=never, every=EVERY).total == 0


def test_a_node_without_the_state_of_the_past_says_so(following: Any, aave_v30_net: AaveNet) -> None:
    node = forward_to(aave_v30_net.anvil.url)

    def ask(method: str, params: list[Any]) -> Any:
        if method == "eth_call":
            raise RefusalError(-32000, "missing trie node")
        return node(method, params)

    aave_v30_net.anvil.control.mine(EVERY)
    head = aave_v30_net.anvil.control.head_number()
    with RpcServer(ask) as server:
        tokens = dollars(aave_v30_net)
        run = following(tokens, url=server.url)
        with pytest.raises(EthmonError, match="archive node"):
            read_supplies(
                run.watch.source, run.db, tokens, BlockNumber(1), head, cancel=threading.Event(), every=EVERY
            )
    assert run.rows("USDT") == []


def test_one_look_without_a_database_names_what_is_wrong_with_a_list(
    aave_v30_net: AaveNet, tmp_path: Path
) -> None:
    usdt = aave_v30_net.market.tokens["USDT"]
    entries = (("Tether", usdt.address), ("Nobody", at(0xBAD)))
    (tmp_path / "watchlist.toml").write_text(
        "".join(f'[[token]]\nname = "{name}"\naddress = "{address}"\n' for name, address in entries)
    )
    url = {"ETH_RPC_URLS": aave_v30_net.anvil.url}
    found = json.loads(ethmon(tmp_path, "tokens", "--live", "--json", **url).stdout)
    supply = aave_v30_net.market.deployer.read(usdt, "totalSupply")
    assert [(one["name"], one["supply"]) for one in found["tokens"]] == [
        ("Tether", str(supply)),
        ("Nobody", None),
    ]
    shown = ethmon(tmp_path, "tokens", "--live", **url).stdout
    assert "Tether: its contract calls itself USDT" in shown
    assert "Nobody: cannot see: " in shown
    off = ethmon(tmp_path, "tokens", "--live", ETHMON_TOKENS="off", **url)
    assert (off.returncode, "ETHMON_TOKENS" in off.stderr) == (2, True)
    assert not (tmp_path / "ethmon.db").exists()
