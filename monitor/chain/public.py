"""Public endpoints that need no key: what runs where nothing is configured.

Chosen from those that their operators document as open, several operators per chain so that one
that closes or lags is left for another. They limit rates and prune state; a key or an own node is
better, and `ethmon check` says so.
"""

from __future__ import annotations

PUBLIC_ENDPOINTS: dict[int, tuple[str, ...]] = {
    1: (
        "https://ethereum-rpc.publicnode.com",
        "https://eth.drpc.org",
        "https://1rpc.io/eth",
        "https://eth.llamarpc.com",
        "https://gateway.tenderly.co/public/mainnet",
        "https://eth.merkle.io",
        "https://cloudflare-eth.com",
    ),
    11_155_111: (
        "https://ethereum-sepolia-rpc.publicnode.com",
        "https://sepolia.drpc.org",
        "https://1rpc.io/sepolia",
        "https://gateway.tenderly.co/public/sepolia",
    ),
    560_048: (
        "https://ethereum-hoodi-rpc.publicnode.com",
        "https://hoodi.drpc.org",
        "https://rpc.hoodi.ethpandaops.io",
    ),
}
"""By chain id, best first. Ankr is not among them: it asks for a key since 2025."""

MAINNET = 1


def public_endpoints(chain_id: int | None) -> tuple[str, ...]:
    """Endpoints of a chain, mainnet by default; empty for a chain that has none."""
    return PUBLIC_ENDPOINTS.get(MAINNET if chain_id is None else chain_id, ())
