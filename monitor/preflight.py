"""Everything that can be tested before the daemon is relied on, each as one finding.

A check never stops the next one: an operator wants the whole list.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alerts.ports import Channel, Verdict
from alerts.wording import counted
from monitor.chain.endpoints import Endpoints
from monitor.chain.gas_rule import NEW_RULE, check_gas_rule
from monitor.chain.member import EndpointHealth, Feature
from monitor.chain.public import MAINNET, public_endpoints
from monitor.chain.redact import labels
from monitor.chain.schedule import Agreed, Mismatch, Unknown, find_blob_fees
from monitor.closes import closes_of_file
from monitor.config import Settings, readable_by_others
from monitor.errors import ConfigError, EthmonError, NodeError, StoreBusy, StoreError
from monitor.macro.correlation import LONGEST_STEP_DAYS
from monitor.ports import Clock
from monitor.store import coverage, gaps, identity, lock
from monitor.store.database import Database, open_reader, open_writer
from monitor.supply.forks import CHAINS
from monitor.units import SECONDS_PER_DAY
from monitor.watchlist import load_watchlist

CLOCK_OFF_S = 30
LOW_DISK_BYTES = 2 << 30
EMPTY_DISK_BYTES = 200 << 20

FEATURE_LOSS = {
    Feature.CONFIG: "the blob schedule comes from our table",
    Feature.HEADERS: "`backfill --headers` reads whole blocks",
    Feature.BLOCK_RECEIPTS: "after Glamsterdam burn costs one more call a block",
    Feature.OVERRIDES: "liquidation prices are not proved",
    Feature.BATCH: "backfill is slow",
    Feature.PIN_BY_HASH: "state is read by number and the hash is checked before and after",
}


class Grade(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `ethmon check`."""

    area: str
    subject: str
    grade: Grade
    text: str


def preflight(
    settings: Settings, clock: Clock, channels: Mapping[str, Callable[[], Channel]]
) -> Iterator[Finding]:
    """All findings, in the order in which a person would look.

    `channels` make what is configured, by name; each raises ConfigError where its settings are wrong.
    """
    yield from _settings(settings)
    yield from _database(settings)
    yield from _disk(settings)
    yield from _nodes(settings, clock)
    yield _watchlist(settings, channels)
    yield from _series(settings, clock)
    yield from _channels(channels)


def _watchlist(settings: Settings, channels: Mapping[str, object]) -> Finding:
    path = settings.watchlist
    try:
        found = load_watchlist(path, channels)
    except ConfigError as error:
        return Finding("watchlist", error.setting, Grade.FAIL, f"{error.problem} {error.fix}".strip())
    if not path.exists():
        text = (
            "there is none: only the chain itself is watched; `ethmon watch add` or `ethmon init` writes one"
        )
        return Finding("watchlist", str(path), Grade.WARN, text)
    text = f"{found.in_words()}; {counted(len(found.rules), 'rule')} with the defaults"
    return Finding("watchlist", str(path), Grade.OK, text)


def _series(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """The user's CSV files, which nobody brings up to date for him."""
    try:
        listed = load_watchlist(settings.watchlist).series
    except ConfigError:
        return  # told as the watchlist's
    for one in listed:
        try:
            found = closes_of_file(one.file, one.column or None, entry=f"[[series]] '{one.name}'")
        except EthmonError as error:
            yield Finding("series", one.name, Grade.FAIL, str(error))
            continue
        age = clock.now() // SECONDS_PER_DAY - max(found, default=0)
        grade = Grade.WARN if age > LONGEST_STEP_DAYS else Grade.OK
        text = f"{len(found):,} daily closes, the newest {age} days old" if found else "it has no close"
        yield Finding("series", one.name, grade, text)


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.source is None:
        yield Finding("settings", "config.env", Grade.OK, "none: defaults and the environment")
        return
    if settings.secrets() and readable_by_others(settings.source):
        yield Finding(
            "settings",
            str(settings.source),
            Grade.FAIL,
            f"others can read its secrets: chmod 600 {settings.source}",
        )
        return
    yield Finding("settings", str(settings.source), Grade.OK, "read")


def _database(settings: Settings) -> Iterator[Finding]:
    path = settings.db
    if not path.exists():
        yield _folder(path)
        return
    try:
        with open_reader(path) as db:
            yield Finding("database", str(path), Grade.OK, _contents(db))
            yield from _gaps(db)
    except StoreError as error:
        yield Finding("database", str(path), Grade.FAIL, str(error))
        return
    yield _writable(path)


def _folder(path: Path) -> Finding:
    folder = path.absolute().parent
    if not folder.is_dir():
        return Finding(
            "database",
            str(path),
            Grade.FAIL,
            f"the folder {folder} does not exist: create it, or set ETHMON_DB",
        )
    return Finding("database", str(path), Grade.OK, "will be created by `ethmon run`")


def _writable(path: Path) -> Finding:
    pid = lock.holder(path)
    if pid is not None:
        return Finding("database", "daemon", Grade.OK, f"running (pid {pid})")
    try:
        open_writer(path).close()
    except StoreBusy as error:
        return Finding("database", "daemon", Grade.WARN, str(error))
    except StoreError as error:
        return Finding("database", "writing", Grade.FAIL, str(error))
    return Finding("database", "daemon", Grade.OK, "not running; the file can be written")


def _contents(db: Database) -> str:
    spans = coverage.ranges(db)
    if not spans:
        return "empty"
    chain = CHAINS.get(identity.chain_id(db) or 0)
    name = chain.name if chain else f"chain {identity.chain_id(db)}"
    return f"{name}, {sum(span.last - span.first + 1 for span in spans):,} blocks up to {spans[-1].last:,}"


def _gaps(db: Database) -> Iterator[Finding]:
    records = gaps.open_gaps(db)
    if records:
        blocks = sum(record.gap.last - record.gap.first + 1 for record in records)
        yield Finding(
            "database", "gaps", Grade.WARN, f"{len(records)} open, {blocks:,} blocks: `ethmon gaps`"
        )


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.db.absolute().parent
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    grade = Grade.FAIL if free < EMPTY_DISK_BYTES else Grade.WARN if free < LOW_DISK_BYTES else Grade.OK
    yield Finding(
        "disk", str(folder), grade, f"{free / 1e9:,.1f} GB free; a year of mainnet takes about 0.2 GB"
    )


def _nodes(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Each endpoint alone, as if it were the only one."""
    chain_id = settings.chain_id
    urls = settings.eth_rpc_urls or public_endpoints(chain_id or MAINNET)
    if not settings.eth_rpc_urls:
        yield Finding(
            "node",
            "ETH_RPC_URLS",
            Grade.WARN,
            "not set: public endpoints limit rates and prune state; a node or key of your own is better",
        )
    answering = 0
    for url, name in zip(urls, labels(urls), strict=True):
        source = Endpoints([url], clock=clock, chain_id=chain_id, timeout_s=settings.call_seconds)
        for finding in _node(source, name, clock):
            answering += finding.subject == name and finding.grade is not Grade.FAIL
            yield finding
        chain_id = chain_id or _chain_id(source)
        source.close()
    if not answering:
        yield Finding(
            "node", "ETH_RPC_URLS", Grade.FAIL, "no endpoint answered; without a network try `ethmon demo`"
        )


def _chain_id(source: Endpoints) -> int | None:
    try:
        return source.chain_id()
    except NodeError:
        return None


def _node(source: Endpoints, name: str, clock: Clock) -> Iterator[Finding]:
    try:
        head = source.head()
        yield _head(source.health()[0], name, clock)
        yield from _lacking(source.features(), name)
        blobs = find_blob_fees(source, CHAINS.get(source.chain_id()), head).verdict
        gas = check_gas_rule(source, head)
    except NodeError as error:
        yield Finding("node", name, Grade.FAIL, error.problem)
        return
    yield _rule("blob schedule", blobs, "agrees with what the node charged in {} blocks")
    if gas is not NEW_RULE:
        yield _rule("gas rule", gas, "headers and receipts tell the same gas")


def _rule(subject: str, verdict: Agreed | Mismatch | Unknown, agreed: str) -> Finding:
    if isinstance(verdict, Agreed):
        return Finding("node", subject, Grade.OK, agreed.format(verdict.blocks))
    grade = Grade.FAIL if isinstance(verdict, Mismatch) else Grade.WARN
    return Finding("node", subject, grade, verdict.cause)


def _head(health: EndpointHealth, name: str, clock: Clock) -> Finding:
    assert health.head is not None
    age = clock.now() - health.head.timestamp
    latency = "" if health.latency_s is None else f", {health.latency_s * 1000:.0f} ms"
    text = f"chain {health.chain_id}, head {health.head.number:,}, {age} s old{latency}"
    if age < -CLOCK_OFF_S:
        return Finding(
            "node", name, Grade.WARN, f"{text}: its head is in the future; is this machine's clock right?"
        )
    if age > 60:
        return Finding(
            "node", name, Grade.WARN, f"{text}: it does not follow the chain, or this clock is wrong"
        )
    return Finding("node", name, Grade.OK, text)


def _lacking(features: dict[Feature, bool], name: str) -> Iterator[Finding]:
    for feature, has in features.items():
        if not has:
            yield Finding("node", f"{name} lacks {feature.value}", Grade.WARN, FEATURE_LOSS[feature])


def _channels(channels: Mapping[str, Callable[[], Channel]]) -> Iterator[Finding]:
    """Every way to reach a person, tried without sending anything that a person sees."""
    for name, make in channels.items():
        try:
            outcome = make().probe()
        except ConfigError as error:
            yield Finding("channel", name, Grade.FAIL, f"{error.setting} {error.problem} {error.fix}".strip())
            continue
        grade = Grade.OK if outcome.verdict is Verdict.SENT else Grade.FAIL
        yield Finding("channel", name, grade, outcome.cause or "accepts messages")
    if len(channels) == 1:
        yield Finding("channel", "others", Grade.WARN, "none is configured: alerts go to the console only")
