"""An account as it is typed."""

from __future__ import annotations

from monitor.errors import ConfigError, UsageError
from monitor.units import Address


def typed_account(text: str) -> Address:
    """The account of an argument ADDRESS. Raises UsageError."""
    from monitor.fields import parse_address

    try:
        return parse_address(f"ADDRESS {text[:50]!r}", text)
    except ConfigError as error:
        raise UsageError(str(error)) from None
