"""Charts as parts of a page: inline SVG whose colours are the page's."""

from __future__ import annotations

import re
from html import escape

from monitor.reports.charts import correlation, ladder, position, supply
from monitor.reports.charts.style import DARK, LIGHT, Look, Palette
from monitor.reports.report.content import Content

LOOK = Look(phone=True, inline=True)
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"


def ledger_drawings(content: Content) -> list[str]:
    """Supply, burn, fees."""
    return [
        inline(supply.supply(content.steps, content.net, LOOK), "Net change of ETH supply"),
        inline(supply.burn(content.steps, LOOK), "ETH burned"),
        inline(supply.fees(content.steps, LOOK), "Base fee and blob base fee"),
    ]


def position_drawings(content: Content) -> list[str]:
    """The ladder, then positions, nearest to liquidation first."""
    found = (
        [inline(ladder.ladder(content.ladder, LOOK), "Liquidation ladder")] if content.ladder.entries else []
    )
    return found + [
        inline(position.position(one, LOOK), f"{one.now.name}: price and liquidation price")
        for one in content.tracks
    ]


def market_drawings(content: Content) -> list[str]:
    """How ETH moved with other prices, where that is known."""
    found = content.comovement
    return (
        [inline(correlation.correlation(found, LOOK), "Correlation of ETH with other prices")]
        if found
        else []
    )


def inline(svg: bytes, label: str) -> str:
    """Without prologue and fixed size; every colour of the light palette becomes the page's variable."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[a-z_0-9]+">', "<g>", text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    text = text.replace("'DejaVu Sans'", FONT).replace("DejaVu Sans", FONT)
    for name, colour in colours(LIGHT).items():
        text = text.replace(colour, f"var(--{name})")
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def colours(palette: Palette) -> dict[str, str]:
    """Names of CSS variables, and their values."""
    found = {name: getattr(palette, name) for name in Palette._fields if name != "protocols"}
    return found | {f"protocol{index}": colour for index, colour in enumerate(palette.protocols)}


def variables() -> str:
    """The style sheet's colours for both grounds."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in colours(palette).items())
        for palette in (LIGHT, DARK)
    )
    return (
        f":root{{color-scheme:light dark;{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )
