"""Installing the local chain's packages: once, by hash, and with an error that says what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.errors import LocalnetError
from monitor.localnet.packages import LOCALNET_PACKAGES, cache_root, install
from tests.support import morpho

pytestmark = pytest.mark.localnet

FROM_OTHER_PLATFORMS = "node_modules/@foundry-rs/anvil-"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ETHMON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def _packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package set of one package from the same folder: npm needs no registry for it."""
    folder = tmp_path_factory.mktemp("packed")
    (folder / "thing").mkdir()
    (folder / "thing" / "package.json").write_text('{"name": "thing", "version": "1.0.0"}')
    subprocess.run(["npm", "pack", "--silent", "./thing"], cwd=folder, check=True, capture_output=True)
    wanted = {"name": "set", "dependencies": {"thing": f"file:{folder / 'thing-1.0.0.tgz'}"}}
    (folder / "package.json").write_text(json.dumps(wanted))
    lock = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(lock, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def source(tmp_path: Path, _packed: Path) -> Path:
    return Path(shutil.copytree(_packed, tmp_path / "source"))


def test_workers_that_start_together_install_once(cache: Path, source: Path) -> None:
    script = "import sys; from pathlib import Path; from monitor.localnet.packages import install; print(install(Path(sys.argv[1]), say=print))"
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(source)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    printed = [worker.communicate(timeout=60)[0].splitlines() for worker in workers]
    assert {lines[-1] for lines in printed} == {str(install(source))}
    assert sum("Installing" in line for lines in printed for line in lines) == 1
    assert (install(source) / "thing" / "package.json").is_file()
    assert [path.name for path in cache.iterdir() if path.suffix == ".part"] == []


def test_what_a_killed_install_left_behind_is_not_used(cache: Path, source: Path) -> None:
    modules = install(source)
    folder = modules.parent
    part = folder.with_name(folder.name + ".part")
    folder.rename(part)
    (part / "node_modules" / "thing" / "package.json").write_text("half")
    assert json.loads((install(source) / "thing" / "package.json").read_text())["version"] == "1.0.0"
    assert not part.exists()


def test_a_lock_that_does_not_fit_is_refused_with_npms_own_code(cache: Path, source: Path) -> None:
    wanted = json.loads((source / "package.json").read_text())
    wanted["dependencies"]["other"] = "1.0.0"
    (source / "package.json").write_text(json.dumps(wanted))
    with pytest.raises(LocalnetError, match="npm ci failed: EUSAGE"):
        install(source)
    assert [path for path in cache.iterdir() if path.is_dir() and path.suffix != ".part"] == []


def test_without_npm_the_error_says_what_to_install(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(source))
    with pytest.raises(LocalnetError, match=r"npm was not found.*install Node\.js"):
        install(source)


def test_a_cache_that_cannot_be_written_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETHMON_CACHE", "/proc/nowhere")
    with pytest.raises(LocalnetError, match=r"ETHMON_CACHE: /proc"):
        install(source)


def test_the_cache_is_found_as_the_desktop_rules_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETHMON_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_root() == Path("/somewhere/ethmon")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "ethmon"


@pytest.mark.parametrize("folder", [LOCALNET_PACKAGES, Path(morpho.__file__).parent], ids=["demo", "morpho"])
def test_every_locked_package_has_a_hash_and_no_address(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    unhashed = [name for name, entry in packages.items() if "integrity" not in entry]
    assert all(name.startswith(FROM_OTHER_PLATFORMS) and "linux-amd64" not in name for name in unhashed)
