"""What is shipped for operators fits what the program does: metrics, alerts, the unit, the image."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from monitor import readiness
from monitor.chain.clock import SystemClock
from monitor.chain.member import EndpointHealth, State
from monitor.cli import COMMANDS
from monitor.localnet.anvil import ChainSpec
from monitor.metrics import exposition
from monitor.tick import Tick
from monitor.units import UnixTime
from tests.support.commands import ROOT, started, stop
from tests.support.databases import new_database
from tests.support.localnet import StartAnvil
from tests.support.simulated_node import SimulatedNode

FOLDER = ROOT / "docs" / "operations"
PAGE = (ROOT / "docs" / "operations.md").read_text()
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
BOARD = json.loads((FOLDER / "grafana.json").read_text())
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
ENDPOINT = EndpointHealth("one", State.OK, True, 1, None, 1, 0, 0.1, 100, None, None, 0.0)
NAME = re.compile(r"\bethmon_\w+")


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every metric that the program gives, with the labels it has."""
    path = tmp_path_factory.mktemp("metrics") / "ethmon.db"
    node = SimulatedNode()
    for salt in range(5):
        node.mine(salt)
    with new_database(path) as db:
        Tick(node, db, SystemClock(), start_blocks=0).run()
    text = exposition(path, [ENDPOINT])
    return {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_of_the_dashboard_and_the_alerts_exists(families: dict[str, set[str]]) -> None:
    used = {name for text in (*QUERIES, *(rule["expr"] for rule in RULES)) for name in NAME.findall(text)}
    assert used <= set(families)
    assert set(families) <= used, "a metric that nobody looks at"


def test_every_alert_is_explained_and_every_explained_one_exists() -> None:
    names = {rule["alert"] for rule in RULES}
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| Ethmon"))
    assert set(re.findall(r"\bEthmon\w+", rows)) == names
    for rule in RULES:
        named = re.search(r"docs/operations.md, (\w+)", rule["annotations"]["description"])
        assert named
        assert named[1] in names


def test_panels_do_not_overlap_and_have_titles() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert panel["title"]
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", str(FOLDER / "alerts.yml")], check=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in ("ethmon.service", "ethmon-backup.service", "ethmon-backup.timer"):
        text = (FOLDER / name).read_text().replace("/opt/ethmon/venv/bin/ethmon", "/bin/true")
        (tmp_path / name).write_text(text)
    files = sorted(str(item) for item in tmp_path.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_commands_of_the_page_exist() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    text = "\n".join((*blocks, *inline))
    named = set(re.findall(r"(?:^|bin/|&& |exec ethmon )ethmon (?:--\w+ \S+ )?([a-z]+)", text, re.MULTILINE))
    assert {"backup", "restore", "check", "status", "gaps"} <= named
    assert named <= set(COMMANDS)


def test_the_image_copies_what_the_wheel_needs() -> None:
    """Every file that the build reads is copied, and the context lets it through."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], build["project"]["readme"]}
    assert needed <= copied
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    users = [line for line in lines if line.startswith("USER ")]
    assert users
    assert all(not re.match(r"USER (root|0)\b", line) for line in users)


def test_every_package_of_the_image_is_pinned_by_hash() -> None:
    for name in ("build", "run"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
        for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
            assert re.match(r"\S+==\S+ ", line), line
            assert "--hash=sha256:" in line, line


def test_compose_is_not_root_not_writable_and_on_loopback_only() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["command"].split()[0] in COMMANDS


@pytest.mark.localnet
def test_the_service_manager_is_told(start_anvil: StartAnvil, tmp_path: Path) -> None:
    node = start_anvil(ChainSpec(timestamp=UnixTime(int(time.time()) - 60)))
    address = f"@ethmon-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0"))
        manager.settimeout(60)
        with started(tmp_path, "run", ETH_RPC_URLS=node.url, NOTIFY_SOCKET=address) as daemon:
            assert manager.recv(100) == b"READY=1"
            assert stop(daemon) == 0
            assert manager.recv(100) == b"STOPPING=1"


def test_without_a_service_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for address in ("", "relative", str(tmp_path / "nobody")):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        readiness.tell("READY=1")
