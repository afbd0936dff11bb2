"""The pages that a monitoring system reads, over real HTTP."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.chain.clock import SystemClock
from monitor.config import Settings
from monitor.errors import ConfigError
from monitor.metrics import serve_metrics
from monitor.tick import Tick
from tests.support.databases import new_database
from tests.support.simulated_node import SimulatedNode


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "ethmon.db"


@pytest.fixture
def base(database: Path) -> Iterator[str]:
    with ExitStack() as running:
        address = serve_metrics(Settings(db=database, metrics_listen="127.0.0.1:0"), list, running)
        assert address is not None
        yield f"http://{address[0]}:{address[1]}"


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def fill(database: Path, age_s: int) -> SimulatedNode:
    """A database whose head is `age_s` old."""
    node = SimulatedNode()
    for salt in range(5):
        node.mine(salt)
    shift = int(time.time()) - age_s - node.chain[-1].ref.timestamp
    node.chain = [
        block._replace(
            ref=block.ref._replace(timestamp=block.ref.timestamp + shift),
            row=block.row._replace(timestamp=block.row.timestamp + shift),
        )
        for block in node.chain
    ]
    with new_database(database) as db:
        Tick(node, db, SystemClock(), start_blocks=0).run()
    return node


def test_metrics_parse_and_are_the_store(database: Path, base: str) -> None:
    node = fill(database, 5)
    status, text = get(f"{base}/metrics")
    assert status == 200
    values = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["ethmon_head_block", ()] == 5
    burned = sum(
        block.row.base_fee_wei * block.row.gas_used + block.row.blob_base_fee_wei * block.row.blob_gas_used
        for block in node.chain
    )
    assert values["ethmon_burned_eth", (("window", "1h"),)] == pytest.approx(burned / 1e18)


def test_ready_follows_the_age_of_the_head(database: Path, base: str) -> None:
    fill(database, 5)
    assert get(f"{base}/readyz")[0] == 200


def test_a_stale_head_is_not_ready_but_alive(database: Path, base: str) -> None:
    fill(database, 600)
    status, text = get(f"{base}/readyz")
    assert (status, text.startswith("head is 60")) == (503, True)
    assert get(f"{base}/healthz")[0] == 200


def test_without_a_database_nothing_is_invented(base: str) -> None:
    status, text = get(f"{base}/metrics")
    assert status == 503
    assert "ethmon_head_block" not in text
    assert get(f"{base}/else")[0] == 404


def test_a_port_that_is_taken_is_named(base: str, database: Path) -> None:
    with ExitStack() as running, pytest.raises(ConfigError, match="METRICS_LISTEN"):
        serve_metrics(Settings(db=database, metrics_listen=base.removeprefix("http://")), list, running)
