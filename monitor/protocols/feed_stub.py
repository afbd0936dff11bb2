"""Code that answers like a Chainlink feed with one price: put in a feed's place by a state override."""

from __future__ import annotations

from typing import Final

from monitor.lending.outcome import FEED_DECIMALS

_FULL: Final = 67
_SCALE: Final = 127
"""Where the answers to `latestRoundData` (feaf968c) and `decimals` (313ce567) begin, in bytes."""


def constant_feed(answer: int, decimals: int = FEED_DECIMALS) -> bytes:
    """Runtime code: `latestRoundData` (updated in the block asked), `decimals`, and the answer to all else."""
    price = f"7f{answer:064x}"
    parts = (
        "60003560e01c",
        f"8063feaf968c1460{_FULL:02x}57",
        f"8063313ce5671460{_SCALE:02x}57",
        f"{price}60005260206000f3",
        f"5b6001600052{price}6020524260405242606052600160805260a06000f3",
        f"5b60{decimals:02x}60005260206000f3",
    )
    return bytes.fromhex("".join(parts))
