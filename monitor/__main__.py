"""Entry point."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from monitor.cli import run

    run()


if __name__ == "__main__":
    main()
