"""The page of a report. All text that comes from outside is escaped here, in `_text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from monitor.domain import BlockRef
from monitor.reports import positions as words
from monitor.reports.burn import coverage_words
from monitor.reports.charts.style import quiet
from monitor.reports.charts.wording import moment
from monitor.reports.positions import PositionLine
from monitor.reports.report.content import Content
from monitor.reports.report.drawings import (
    FONT,
    LOOK,
    ledger_drawings,
    market_drawings,
    position_drawings,
    variables,
)
from monitor.reports.supply import method_words
from monitor.store.history import FeeStats
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.units import format_eth, format_fixed, format_gwei

_STYLE = """
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 FONT}
main{max-width:1100px;margin:0 auto;padding:20px 16px 48px}h1{font-size:1.6rem;margin:0 0 4px}
h2{font-size:1.2rem;margin:36px 0 10px}p{margin:6px 0}.faint,small{color:var(--faint)}a{color:var(--price)}
.cards{display:grid;gap:10px;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));margin:18px 0}
.card{border:1px solid var(--grid);border-radius:10px;padding:10px 14px;overflow-wrap:anywhere}
.card b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}
.charts{display:grid;gap:14px;margin-top:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr))}
.charts figure{margin:0;border:1px solid var(--grid);border-radius:10px;overflow:hidden}.charts svg{display:block;width:100%;height:auto}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;min-width:640px;font-size:.92rem}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--grid);vertical-align:top}
th{color:var(--faint);font-weight:600;white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.critical{color:var(--danger);font-weight:600}.warning{color:var(--burn);font-weight:600}
@media print{main{max-width:none}.charts figure{break-inside:avoid}}
"""

_LIQUIDATION = (
    "Liquidation prices: the first tick of the protocol's own ETH feed at which its own integer arithmetic says"
    " liquidatable; proved means that a node ran the contract on both sides of it."
)


def page(content: Content) -> str:
    """HTML. Raises EthmonError without Matplotlib."""
    with quiet(LOOK):
        ledger, held = ledger_drawings(content), position_drawings(content)
        markets = market_drawings(content)
    name = content.frame.burn.name
    body = [
        _head(content),
        _cards(content),
        _charts(ledger),
        "<h2>Positions</h2>",
        _positions(content),
        _charts(held),
        *_markets(content, markets),
        "<h2>Alerts</h2>",
        _alerts(content),
        "<h2>What was not seen</h2>",
        _gaps(content),
        "<h2>How these figures are known</h2>",
        _methods(content),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # Nothing is loaded from anywhere, whatever a name or a symbol may hold.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>ETH supply and positions, {_text(name)}</title>"
        f"<style>{variables()}{_STYLE.replace('FONT', FONT)}</style></head><body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _head(content: Content) -> str:
    frame = content.frame.burn
    return (
        f"<h1>ETH supply and positions, {_text(frame.name)}</h1>"
        f"<p class=faint>{_text(content.chain)}, {moment(content.steps.steps[0].start)} to {moment(frame.end)}. "
        f"{frame.totals.blocks:,} blocks: {_text(coverage_words(frame))}.<br>"
        f"As of block {_block(content, content.at)}, hash <code style='overflow-wrap:anywhere'>{_text(content.at.hash)}</code></p>"
    )


def _block(content: Content, at: BlockRef) -> str:
    """With a link where an explorer of the chain is known."""
    text = f"{at.number:,}"
    return f'<a href="https://etherscan.io/block/{at.number}">{text}</a>' if content.chain_id == 1 else text


def _cards(content: Content) -> str:
    one = content.frame
    bound = "" if one.burn.exact else "at least "
    exactly = f": exactly {format_eth(one.burn.total_wei)}" if one.burn.exact else ""
    blobs = f"blobs {format_eth(one.burn.totals.blob_burn_wei)} of it"
    burned = (f"{bound}{format_eth(one.burn.total_wei, 4)} ETH", f"burned{exactly}; {blobs}")
    cards = [burned, _issued(content), _net(content)]
    cards.append(_fee("base fee, mean", one.burn.totals.base_fee))
    cards.append(_fee("blob base fee, mean", one.burn.totals.blob_fee))
    fence = content.supply.barrier
    if fence is not None and fence.base_with_blobs is not None:
        cards.append(
            (f"{format_gwei(fence.base_with_blobs, 3)} gwei", "base fee at which supply stands still")
        )
    return (
        "<div class=cards>"
        + "".join(
            f"<div class=card><b>{_text(big)}</b><small>{_text(small)}</small></div>" for big, small in cards
        )
        + "</div>"
    )


def _issued(content: Content) -> tuple[str, str]:
    issued = content.frame.issuance
    if isinstance(issued, Unknown):
        return "not known", f"issued: {issued.cause}"
    low, high = bounds_gwei(issued)
    return f"{_interval(low * 10**9, high * 10**9)} ETH", f"issued, {method_words(issued)}"


def _net(content: Content) -> tuple[str, str]:
    net = content.frame.net
    if isinstance(net, Unknown):
        return "not known", f"net change of supply: {net.cause}"
    sign = "+" if net.low_wei + net.high_wei >= 0 else ""
    return f"{sign}{_interval(net.low_wei, net.high_wei)} ETH", "net change of supply"


def _interval(low: int, high: int) -> str:
    if low == high:
        return format_eth(low, 4)
    return f"{format_eth((low + high) // 2, 2)} ±{format_eth((high - low + 1) // 2, 2)}"


def _fee(name: str, fee: FeeStats | None) -> tuple[str, str]:
    if fee is None:
        return "-", f"{name}: no block has one"
    ends = f"{_gwei(fee.min_wei)} to {_gwei(fee.max_wei)} (blocks {fee.min_block:,} and {fee.max_block:,})"
    return _gwei(fee.mean_wei), f"{name}; {ends}"


def _gwei(amount: int) -> str:
    """The blob fee is often a few wei, which three places would show as nothing."""
    return f"{format_gwei(amount, 3)} gwei" if amount >= 10**6 else f"{amount:,} wei"


def _charts(drawings: Sequence[str]) -> str:
    return "<div class=charts>" + "".join(f"<figure>{one}</figure>" for one in drawings) + "</div>"


def _markets(content: Content, drawings: Sequence[str]) -> list[str]:
    """A section where anything is known of other prices."""
    if content.comovement is None:
        return []
    out = [f"<p>Not read: {_text(cause)}</p>" for cause in content.comovement.left_out.values()]
    return ["<h2>ETH and other prices</h2>", _charts(drawings), *out]


def _positions(content: Content) -> str:
    if not content.positions.lines:
        return "<p>No account is watched.</p>"
    heads = ("name", "where", "collateral", "debt", "health", "liquidated", "distance", "proof")
    return _table(heads, (_position(content, line) for line in content.positions.lines), {4, 5, 6})


def _position(content: Content, line: PositionLine) -> list[str]:
    row, detail = line.row, line.row.detail
    name = _text(row.name or row.account)
    if content.chain_id == 1:
        name = f'<a href="https://etherscan.io/address/{_text(row.account)}">{name}</a>'
    why = f" ({row.cause})" if row.outcome == "unseen" else ""
    cells = (
        words.protocol_name(row), words.legs_words(detail.get("collaterals", [])) or "-",
        words.legs_words(detail.get("debts", [])) or "-", words.health_words(row),
        words.liquidation_words(row) + why, words.distance_words(row), words.proof_words(row),
    )  # fmt: skip
    return [name, *(_text(cell) for cell in cells)]


def _alerts(content: Content) -> str:
    if not content.alerts:
        return "<p>None was told in this time.</p>"
    rows = (
        [
            moment(time),
            f"<span class={severity}>{severity}</span>",
            _text(title) + ("" if standing else " <small>(taken back: its block left the chain)</small>"),
            _text(transition),
        ]
        for time, _, severity, transition, title, _, _, standing in content.alerts
    )
    return _table(("when", "severity", "what", "news"), rows)


def _gaps(content: Content) -> str:
    parts: list[str] = []
    frame = content.frame.burn
    if frame.coverage.complete and not content.gaps:
        parts.append(f"<p>Every one of the {frame.totals.blocks:,} blocks is stored.</p>")
    else:
        parts.append(f"<p>Blocks of the frame: {_text(coverage_words(frame))}.</p>")
    if content.gaps:
        rows = (
            [
                _text(one.gap.kind.value), f"{one.gap.first:,} to {one.gap.last:,}", f"{one.gap.last - one.gap.first + 1:,}",
                _text(one.gap.cause), "open" if one.closed_at is None else f"filled {moment(one.closed_at)}",
            ]
            for one in content.gaps
        )  # fmt: skip
        parts.append(_table(("what", "blocks", "count", "cause", "state"), rows, {2}))
    parts += [
        f"<p>Reorg at {moment(one.at)}: {one.reorg.depth} blocks above {one.reorg.ancestor:,} were replaced; "
        f"{format_eth(one.burn_wei + one.blob_burn_wei)} ETH of burn was taken back.</p>"
        for one in content.reorgs
    ]
    return "".join(parts)


def _methods(content: Content) -> str:
    one = content.frame
    price = content.ladder.price
    lines = [
        "Burn: gas used times base fee, and blob gas times blob base fee, of every stored block, in integers of wei."
        + ("" if one.burn.exact else " Blocks are missing: sums are lower bounds."),
        f"Issuance: {method_words(one.issuance)}. Where it is an interval, charts draw a band.",
        _LIQUIDATION,
        "Hatched stretches were not seen. Nothing is filled in for them.",
    ]
    if content.ladder.entries:
        out = sum(content.ladder.left_out.values())
        lines.append(
            f"Ladder: {len(content.ladder.entries)} positions at present prices (ETH ${format_fixed(price, 8, 2)}), one ETH"
            f" price for all protocols; {out} others are not on it."
        )
    if content.comovement is not None:
        lines.append(
            f"Correlation: Pearson's r of daily log returns over {content.comovement.window_days} days, at UTC closes, with the"
            " 95 % interval of Fisher's z. An estimate of what was, not a law."
        )
    return (
        "<ul>"
        + "".join(f"<li>{_text(line)}</li>" for line in lines)
        + "</ul><p class=faint>Made by ethmon.</p>"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: set[int] | None = None) -> str:
    """`rows` are HTML already."""
    kinds = [" class=n" if index in (numeric or set()) else "" for index in range(len(heads))]
    head = "".join(f"<th{kind}>{_text(text)}</th>" for kind, text in zip(kinds, heads, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _text(text: str) -> str:
    return escape(text)
