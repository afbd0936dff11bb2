"""Where people look things up: a block explorer, for the chains that have one we know."""

from __future__ import annotations

from alerts.model import Link
from monitor.units import Address

EXPLORERS = {
    1: "https://etherscan.io",
    11155111: "https://sepolia.etherscan.io",
    560048: "https://hoodi.etherscan.io",
}
"""By chain id."""


def account_links(chain_id: int | None, account: Address) -> tuple[Link, ...]:
    """The account's page; none on a chain without an explorer."""
    return _links(chain_id, "Account on Etherscan", f"address/{account}")


def token_links(chain_id: int | None, token: Address) -> tuple[Link, ...]:
    """The token's page; none on a chain without an explorer."""
    return _links(chain_id, "Token on Etherscan", f"token/{token}")


def transaction_links(chain_id: int | None, transaction: str) -> tuple[Link, ...]:
    """The transaction's page; none on a chain without an explorer."""
    return _links(chain_id, "Transaction", f"tx/{transaction}") if transaction else ()


def _links(chain_id: int | None, text: str, path: str) -> tuple[Link, ...]:
    explorer = EXPLORERS.get(chain_id or 0)
    return (Link(text, f"{explorer}/{path}"),) if explorer else ()
