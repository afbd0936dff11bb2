"""Morpho Blue's own bytecode against the adapter: random accounts from RPC to a proved row."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.reader import Reader, prove
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
)
from monitor.lending.position import Cause, EventKind, Position, ProofState, Unseen
from monitor.localnet.control import ControlError
from monitor.protocols.base import EventLog
from monitor.protocols.morpho_blue import MorphoBlue
from monitor.protocols.morpho_deployments import MORPHO_DEPLOYMENTS, MorphoDeployment
from monitor.units import SECONDS_PER_DAY, TICKS_PER_USD, WAD, Address, BlockNumber
from tests.support.morpho_books import MARKETS, Books, in_units, random_accounts

pytestmark = pytest.mark.localnet

LOW_128 = 2**128 - 1


@dataclass
class Path:
    """From the node to the rows, as the daemon reads."""

    endpoints: Endpoints
    adapter: MorphoBlue
    reader: Reader

    def pinned(self):
        return self.endpoints.pinned(self.endpoints.head())

    def seen(self, accounts):
        return self.reader.positions(self.pinned(), [self.adapter], accounts)


def deployment_of(net):
    ids = [bytes.fromhex(getattr(net, name).id[2:]) for name in (*MARKETS, "opaque")]
    return MorphoDeployment(
        chain_id=1337,
        morpho=Address(net.morpho.address.lower()),
        first_block=BlockNumber(0),
        eth_tokens=frozenset({Address(net.tokens["WETH"].address.lower())}),
        markets=tuple(ids),
    )


@pytest.fixture
def path(morpho_net):
    endpoints = Endpoints([morpho_net.anvil.url], clock=SystemClock())
    yield Path(endpoints, MorphoBlue(deployment_of(morpho_net)), Reader())
    endpoints.close()


def move_time(net, seconds):
    control = net.anvil.control
    control.set_next_time(int(control.block()["timestamp"], 16) + seconds)
    control.mine()


def set_eth(net, dollars):
    net.set_price(round(dollars * TICKS_PER_USD))


def test_every_price_of_random_accounts_is_proved_by_the_contract(morpho_net, path):
    """`liquidate` on real bytecode, at the tick and one tick on the safe side, for 300 accounts."""
    accounts = random_accounts(morpho_net, 300, seed=17)
    move_time(morpho_net, 9 * SECONDS_PER_DAY)
    set_eth(morpho_net, 2211.12345678)
    seen = path.seen(accounts)
    assert len(seen) == len(accounts)
    priced = [one for one in seen if isinstance(one.outcome, LiquidatableBelow | LiquidatableAbove)]
    assert len(priced) > 100
    pinned = path.pinned()
    for position in priced:
        assert prove(pinned, path.adapter, position).state is ProofState.PROVED, position.key
    kinds = {type(one.outcome) for one in seen}
    assert kinds == {LiquidatableBelow, LiquidatableAbove, AlreadyLiquidatable, Insensitive, NeverByEth}


def test_the_row_says_what_liquidate_says_now(morpho_net, path):
    """The answer at the present price, for every account, through a transaction that is not sent."""
    accounts = random_accounts(morpho_net, 210, seed=18)
    move_time(morpho_net, 30 * SECONDS_PER_DAY)
    set_eth(morpho_net, 2500)
    for position in path.seen(accounts):
        market = position.model.market.params
        said = liquidation_error(morpho_net, market, position.key.account)
        expected = isinstance(position.outcome, AlreadyLiquidatable)
        assert ("position is healthy" not in said) == expected, (position.key, said)


def liquidation_error(net, params, account):
    data = net.morpho.data("liquidate", tuple(params), account, 0, 1, b"")
    try:
        net.anvil.control.call("eth_call", {"to": net.morpho.address, "data": data}, "latest")
    except ControlError as error:
        return str(error)
    return ""


def test_a_snapshot_of_many_accounts_takes_a_handful_of_round_trips(morpho_net, path):
    accounts = random_accounts(morpho_net, 90, seed=19)
    path.seen(accounts)
    first, path.reader.round_trips = path.reader.round_trips, 0
    path.seen(accounts)
    assert first <= 9
    assert path.reader.round_trips <= 5


def opened(net, market, dollars, ltv, number=0):
    account = net.accounts[number]
    collateral = int(dollars * in_units(net, market.collateral))
    debt = int(dollars * ltv * in_units(net, market.loan))
    net.open(market, account, collateral, debt)
    return Address(account.lower())


def only(seen):
    (one,) = seen
    return one


def test_rows_of_a_real_borrower(morpho_net, path):
    account = opened(morpho_net, morpho_net.weth_usdc, 240_000, 0.5)
    row = only(path.seen([account]))
    assert isinstance(row, Position)
    assert row.key.id == morpho_net.weth_usdc.id
    assert [(leg.symbol, leg.decimals, leg.follows_eth) for leg in (*row.collaterals, *row.debts)] == [
        ("WETH", 18, True),
        ("USDC", 6, False),
    ]
    assert row.collateral_value == 240_000 * TICKS_PER_USD
    assert abs(row.debt_value - 120_000 * TICKS_PER_USD) < TICKS_PER_USD
    assert row.price.answer == 2400 * TICKS_PER_USD
    assert row.outcome.tick // TICKS_PER_USD == 1395  # 1,200 / 0.86
    assert row.drift_per_day > 0
    assert row.terms.close_factor == WAD
    assert any("WETH/USDC 86 %" in note for note in row.notes)


def test_a_short_account_is_liquidated_from_above_and_a_loop_never_has_an_eth_price(morpho_net, path):
    short = opened(morpho_net, morpho_net.usdc_weth, 10_000, 0.4)
    loop = opened(morpho_net, morpho_net.wsteth_weth, 10_000, 0.8, number=1)
    idle = opened(morpho_net, morpho_net.weth_usdc, 10_000, 0, number=2)
    rows = {one.key.account: one for one in path.seen([short, loop, idle])}
    assert isinstance(rows[short].outcome, LiquidatableAbove)
    assert isinstance(rows[loop].outcome, Insensitive)
    assert rows[loop].outcome.carry_days > 0
    assert abs(rows[loop].outcome.ratio_drop - (1 - 0.8 / 0.945)) < 0.001
    assert rows[idle].outcome == NeverByEth(NeverReason.NO_DEBT)


def test_an_oracle_that_neither_says_its_wiring_nor_follows_eth_is_a_gap(morpho_net, path):
    account = opened(morpho_net, morpho_net.opaque, 10_000, 0.4)
    row = only(path.seen([account]))
    assert isinstance(row, Unseen)
    assert "no ETH feed is known" in row.cause
    path.adapter = MorphoBlue(replace(deployment_of(morpho_net), eth_feeds=eth_feeds(morpho_net)))
    assert "does not move with the ETH feeds" in only(path.seen([account])).cause


def eth_feeds(net):
    return frozenset({Address(net.feeds["ETH"].address.lower())})


def test_an_oracle_that_only_follows_eth_is_asked(morpho_net, path):
    """The same account through an oracle whose wiring is not told: the same price, found another way."""
    account = opened(morpho_net, morpho_net.weth_usdc, 10_000, 0.4)
    told = only(path.seen([account]))
    adapter = MorphoBlue(replace(deployment_of(morpho_net), eth_feeds=eth_feeds(morpho_net)))
    adapter._reader._wirings[Address(morpho_net.weth_usdc.oracle.address.lower())] = None
    path.adapter = adapter
    asked = only(path.seen([account]))
    assert isinstance(asked.outcome, LiquidatableBelow)
    assert asked.outcome.tick == told.outcome.tick
    assert asked.price == told.price
    assert asked.proof.state is ProofState.PROVED
    assert prove(path.pinned(), adapter, asked).state is ProofState.PROVED


@pytest.mark.parametrize("answer", [0, -1, -(2**255)])
def test_a_broken_eth_feed_is_a_gap_and_not_a_price(morpho_net, path, answer):
    account = opened(morpho_net, morpho_net.weth_usdc, 10_000, 0.4)
    morpho_net.set_price(answer)
    row = only(path.seen([account]))
    assert isinstance(row, Unseen)
    morpho_net.set_price(2400 * TICKS_PER_USD)
    assert isinstance(only(path.seen([account])), Position)


def test_a_feed_that_is_gone_is_a_gap(morpho_net, path):
    account = opened(morpho_net, morpho_net.weth_usdc, 10_000, 0.4)
    path.seen([account])
    morpho_net.anvil.control.set_code(morpho_net.feeds["ETH"].address, b"")
    assert isinstance(only(path.seen([account])), Unseen)


def test_huge_amounts_do_not_break_a_row(morpho_net, path):
    account = Address("0x" + "ab" * 20)
    Books(morpho_net).write(morpho_net.weth_usdc, account, LOW_128, LOW_128)
    row = only(path.seen([account]))
    assert isinstance(row, Unseen)
    assert "more shares than the market has" in row.cause


def test_events_are_decoded_and_teach_where_an_account_went(morpho_net, path):
    account = Address(morpho_net.accounts[0].lower())
    assert path.seen([account]) == []
    opened(morpho_net, morpho_net.weth_usdc, 24_000, 0.8)
    kinds = [event for log in logs(morpho_net) for event in path.adapter.decode_event(log)]
    mine = [event for event in kinds if event.key.account == account]
    assert [event.kind for event in mine] == [EventKind.SUPPLY, EventKind.BORROW]
    assert mine[1].amount == int(24_000 * 0.8 * 10**6)
    row = only(path.seen([account]))
    assert mine[0].key == row.key


def logs(net, first=0):
    raw = net.anvil.control.call("eth_getLogs", {"fromBlock": hex(first), "toBlock": "latest"})
    return [
        EventLog(
            Address(one["address"].lower()),
            tuple(bytes.fromhex(topic[2:]) for topic in one["topics"]),
            bytes.fromhex(one["data"][2:]),
            BlockNumber(int(one["blockNumber"], 16)),
            int(one["logIndex"], 16),
            one["transactionHash"],
        )
        for one in raw
    ]


def test_markets_that_nobody_listed_are_found_in_the_logs(morpho_net):
    account = opened(morpho_net, morpho_net.weth_usdc, 24_000, 0.5)
    opened(morpho_net, morpho_net.usdc_weth, 24_000, 0.5)
    unlisted = replace(deployment_of(morpho_net), markets=())
    endpoints = Endpoints([morpho_net.anvil.url], clock=SystemClock())
    path = Path(endpoints, MorphoBlue(unlisted), Reader())
    found = path.seen([account])
    assert {row.key.id for row in found} == {morpho_net.weth_usdc.id, morpho_net.usdc_weth.id}
    assert path.adapter.searches([account]) == []
    late = replace(unlisted, first_block=BlockNumber(morpho_net.anvil.control.head_number() - 1))
    assert Path(endpoints, MorphoBlue(late), Reader()).seen([account])[0].key.id == morpho_net.usdc_weth.id
    endpoints.close()


def test_a_real_liquidation_is_recorded(morpho_net, path):
    account = opened(morpho_net, morpho_net.weth_usdc, 24_000, 0.8)
    before = only(path.seen([account]))
    morpho_net.set_price(before.outcome.tick)
    market, liquidator = morpho_net.weth_usdc, morpho_net.accounts[5]
    morpho_net.fund(morpho_net.tokens["USDC"], liquidator, 10**12)
    morpho_net.act("liquidate", market.params, account, 10**17, 0, b"", sender=liquidator)
    events = [event for log in logs(morpho_net) for event in path.adapter.decode_event(log)]
    liquidation = [event for event in events if event.kind is EventKind.LIQUIDATION]
    assert [event.key for event in liquidation] == [before.key]
    assert liquidation[0].token == Address(market.loan.address.lower())


def test_one_tick_above_the_price_the_liquidation_is_refused(morpho_net, path):
    account = opened(morpho_net, morpho_net.weth_usdc, 24_000, 0.8)
    before = only(path.seen([account]))
    morpho_net.set_price(before.outcome.tick + 10**6)  # a cent: interest of the next blocks is far below
    assert "healthy" in liquidation_error(morpho_net, morpho_net.weth_usdc.params, account)


def test_garbled_and_foreign_logs_say_nothing(path, morpho_net):
    real = logs(morpho_net)
    for log in real[:10]:
        broken = log._replace(data=log.data[:-1])
        assert path.adapter.decode_event(broken) == [] or not log.data
        assert path.adapter.decode_event(log._replace(address=Address("0x" + "00" * 20))) == []
        assert path.adapter.decode_event(log._replace(topics=())) == []


def test_changes_are_told_apart_by_cause(morpho_net, path):
    account = opened(morpho_net, morpho_net.weth_usdc, 24_000, 0.5)
    first = only(path.seen([account])).model
    move_time(morpho_net, 5 * SECONDS_PER_DAY)
    later = only(path.seen([account])).model
    assert first.replaced(Cause.INTEREST, later).tick() == later.tick() > first.tick()
    assert first.replaced(Cause.OWNER, later).tick() == first.tick()
    morpho_net.set_price(99_000_000, "USDC")
    depegged = only(path.seen([account])).model
    assert later.replaced(Cause.OTHER_PRICE, depegged).tick() < later.tick()
    assert later.replaced(Cause.RATIO, depegged).tick() == later.tick()


def test_a_day_later_the_drift_has_come_true(morpho_net, path):
    account = opened(morpho_net, morpho_net.weth_usdc, 24_000, 0.5)
    move_time(morpho_net, SECONDS_PER_DAY)
    before = only(path.seen([account]))
    move_time(morpho_net, SECONDS_PER_DAY)
    after = only(path.seen([account]))
    moved = (after.outcome.tick - before.outcome.tick) / TICKS_PER_USD
    assert abs(moved - before.drift_per_day) <= 1e-6 + 1e-4 * abs(moved)


def test_the_mainnet_market_ids_are_hashes_of_their_terms():
    """Terms as defisaver-positions-sdk lists them: loan, collateral, oracle, LLTV in permille."""
    terms = (
        (
            "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0",
            "48f7e36eb6b826b2df4b2e630b62cd25e89e40e2",
            860,
        ),
        (
            "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
            "dc6fd5831277c693b1054e19e94047cb37c77615",
            915,
        ),
        (
            "c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
            "7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0",
            "2a01eb9496094da03c4e364def50f5ad1280ad72",
            945,
        ),
        (
            "c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
            "2260fac5e5542a773aa44fbcfedf7c193bc2c599",
            "c29b3bc033640bae31ca53f8a0eb892adf68e663",
            915,
        ),
        (
            "c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
            "cd5fe23c85820f7b72d0926fc9b05b43e359b7ee",
            "bdd2f2d473e8d63d1bfb0185b5bdb8046ca48a72",
            945,
        ),
    )
    irm = "0x870ac11d48b15db9a138cf899d20f13f79ba00bc"
    for loan, collateral, oracle, permille in terms:
        fields = ["0x" + loan, "0x" + collateral, "0x" + oracle, irm, permille * WAD // 1000]
        name = keccak(encode(["address"] * 4 + ["uint256"], fields))
        assert name in MORPHO_DEPLOYMENTS[1].markets
