"""What is open about something that the watchlist does not name any more: nobody's business, so it ends.

Asked of the store and not remembered: it holds after an edit, after a restart with another file, and after a
reorg that took back the block which ended it. Positions are parted with by `Watch`, which knows their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from alerts.model import BlockStamp, Gone, Incident, Kind, Reading, Rule
from monitor.domain import ListedToken
from monitor.readings import money, reported
from monitor.readings.correlation import CHANGE_KEY, KEY, other_of
from monitor.readings.happenings import balance_subject
from monitor.store import incidents
from monitor.store.database import Database
from monitor.watchlist import Watchlist

NOT_WATCHED = "it is not watched any more"
_LISTED = {
    "level.distance", "holding.loss", "holding.profit", "wallet.balance",
    "token.supply", "token.supply_change", "token.supply_move", "money.supply", "money.supply_change",
}  # fmt: skip
"""Readings of subjects that are there because somebody listed them."""


def delisted_readings(
    db: Database, watchlist: Watchlist, tokens: Sequence[ListedToken], series: Iterable[str], at: BlockStamp
) -> Iterator[Reading]:
    """What ends every incident about a subject that is not listed; `series` are all that ETH is compared with."""
    listed, compared = _subjects(watchlist, tokens), set(series)
    rules = {rule.name: rule for rule in watchlist.rules if rule.spec.kind is not Kind.EVENT}
    for (name, subject), incident in incidents.states(db).items():
        rule = rules.get(name)
        if rule is None or not _began(incident):
            continue
        if rule.spec.key in _LISTED:
            off = subject not in listed
        else:
            off = _compares_all(rule) and other_of(subject) not in compared
        if off:
            yield _over(rule, incident, at)


def _compares_all(rule: Rule) -> bool:
    """A rule that names its series goes on to say that it cannot be seen."""
    return rule.spec.key in {KEY, CHANGE_KEY} and "with" not in rule.select


def _subjects(watchlist: Watchlist, tokens: Sequence[ListedToken]) -> set[str]:
    return {
        *(reported.level_subject(one.name) for one in watchlist.levels),
        *(reported.holding_subject(one.name) for one in watchlist.holdings),
        *(balance_subject(one.address) for one in watchlist.wallets),
        *(money.token_subject(one) for one in tokens),
        *(money.group_subject(one) for one in money.groups(tokens)),
    }


def _began(incident: Incident) -> bool:
    """Something was told of it, or would be before long."""
    return incident.phase != "fine" or bool(incident.breached_since) or incident.blind_since is not None


def _over(rule: Rule, incident: Incident, at: BlockStamp) -> Reading:
    return Reading(
        rule.spec.key,
        incident.subject,
        incident.name or incident.subject,
        Gone(NOT_WATCHED),
        at,
        dict(rule.select),
        rule.window_s,
    )
