"""The report: one file that loads nothing, says what the store says, and keeps hostile text as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from monitor.domain import Gap, GapKind
from monitor.store import gaps, identity, ledger
from monitor.units import BlockHash, BlockNumber, UnixTime, format_eth
from tests.support.commands import ethmon
from tests.support.databases import chain, new_database
from tests.support.position_rows import ACCOUNT, save_track

AT = UnixTime(1_700_020_000)
HOSTILE = "<script src=https://evil.example/x.js></script> url(https://evil.example/a.png) & \" '"


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "ethmon.db"
    with new_database(path) as db:
        identity.bind_chain(db, 1, BlockHash("0x" + "11" * 32), AT)
        ledger.append(db, chain(0, 900), AT)
        ledger.append(db, chain(911, 1_200), AT)
        gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(901), BlockNumber(910), HOSTILE), AT)
        save_track(db, name=HOSTILE, prices=range(2_400, 1_900, -20))
    return path


@pytest.fixture(scope="module")
def text(path: Path) -> str:
    done = ethmon(path.parent, "report", "--since", "24h", "--out", "r.html", ETHMON_DB=str(path))
    assert done.returncode == 0, done.stderr
    return (path.parent / "r.html").read_text()


def test_it_loads_nothing_from_anywhere(text: str) -> None:
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "image",
        "base",
        "form",
        "foreignobject",
    }
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "xlink:href", "action", "srcset"}:
                allowed = (
                    r"https://etherscan\.io/(block/\d+|address/0x[0-9a-f]{40})" if tag == "a" else r"#[\w-]+"
                )
                assert re.fullmatch(allowed, value or ""), (tag, name, value)
            elif name in {"style", "clip-path", "fill"}:
                assert not re.search(r"url\((?!['\"]?#)", value or ""), value
    style = "".join(re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def test_hostile_names_and_causes_are_only_text(text: str) -> None:
    page = Page(text)
    assert HOSTILE in page.text
    assert "evil.example" not in "".join(str(attributes.get("href")) for _, attributes in page.tags)
    assert f"https://etherscan.io/address/{ACCOUNT}" in text


def test_it_says_what_the_store_says(text: str) -> None:
    rows = [block.row for block in (*chain(0, 900), *chain(911, 1_200))]
    total = sum((row.base_fee_wei or 0) * row.gas_used for row in rows)
    blob = sum((row.blob_base_fee_wei or 0) * (row.blob_gas_used or 0) for row in rows)
    page = Page(text).text
    assert f"at least {format_eth(total + blob, 4)} ETH" in page
    assert f"blobs {format_eth(blob)} of it" in page
    assert "10 missing" in page
    assert "901 to 910" in page
    assert "1,191 blocks" in page
    assert chain(1_200, 1_200)[0].ref.hash in page


def test_issuance_says_how_it_is_known(text: str) -> None:
    assert "not known" in Page(text).text
    assert "net change of supply: blocks of the frame are missing" in Page(text).text


def test_light_and_dark_come_from_one_drawing(text: str) -> None:
    assert "prefers-color-scheme:dark" in text
    assert "var(--burn)" in text
    svg = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    left = set(re.findall(r"#[0-9a-f]{6}\b", svg)) - {"#000000", "#262626"}
    assert not left


def test_no_two_drawings_share_an_id(text: str) -> None:
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', svg))
        assert used <= set(re.findall(r'\bid="([\w-]+)"', svg))
        others = text.replace(svg, "")
        assert not {name for name in used if f'id="{name}"' in others}


def test_the_same_database_gives_the_same_file(path: Path, text: str, tmp_path: Path) -> None:
    done = ethmon(tmp_path, "report", "--since", "24h", ETHMON_DB=str(path))
    assert done.returncode == 0
    assert (tmp_path / "report.html").read_text() == text
