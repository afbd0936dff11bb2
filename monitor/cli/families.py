"""Commands that hold commands."""

from __future__ import annotations

import click


class Family(click.Group):
    """A group whose help shows the first sentence of each command, however long."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click's own cuts sentences at the end of a line."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(1_000)) for name, one in found if one])


class Listing(Family):
    """A family that lists when it is called without a command: `ethmon alerts --json` is `ethmon alerts list --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Click's own, with `list` put in where no command is named."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)
