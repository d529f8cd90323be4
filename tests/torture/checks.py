# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold at the end, judged without the collection's code."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.demo.account import listing
from tests.demo.comparison import compare
from tests.emulator import Emulator
from tests.leaks import Canaries, leaks
from tests.ledger import Report, losses
from tests.ledger.samples import SECRET_BYTES, SECRET_TEXT
from tests.torture.plan import CLONE, TABLE

_COMPARE_SECONDS = 120
_SHOWN = 5
# What stays of a migration that is retired: the result, a log of what was done, and the way back to the old table.
_KEPT = {f"table {CLONE}", "table sealift-journal", f"backup {TABLE}"}


def broken_promises(emulator: Emulator, table: str, reports: Iterable[Report]) -> list[str]:
    """Compare the ledgers with the table that is current, and tell what the application has noticed meanwhile."""
    found: list[str] = []
    for report in reports:
        found += _some("noticed", report.violations)
        found += _some("lost", losses(emulator.observer("dynamodb"), table, report))
    return found


def differences(emulator: Emulator) -> list[str]:
    """Compare the two tables, of which one may be written to."""
    compared = compare(emulator.observer("dynamodb"), TABLE, CLONE, limit=_COMPARE_SECONDS)
    kinds = {"missing": compared.missing, "extra": compared.extra, "changed": compared.changed}
    return [line for kind, keys in kinds.items() for line in _some(f"the clone has {kind}", keys)]


def told_secrets(where: Path | Emulator, credentials: Mapping[str, str]) -> list[str]:
    """Search the outputs, or the account, for what items hold, and for credentials."""
    canaries = Canaries({"text of an item": SECRET_TEXT, "bytes of an item": SECRET_BYTES, **credentials})
    return _some("told", leaks(where, canaries))


def leftovers(before: set[str], now: set[str], *, retired: bool, streamed: bool) -> list[str]:
    """Tell what came and should not have stayed, and what went and should not have gone.

    :param streamed: whether the table had a stream of its own, so that the clone keeps one.
    """
    came, went = now - before, before - now
    if retired:
        came -= _KEPT
        came = {each for each in came if not (streamed and _is_stream_of(each, CLONE))}
        went = {each for each in went if not _is_of(each, TABLE)}
        came |= now & {f"table {TABLE}"}
    else:
        # A stream that is disabled can still be read for a day.
        came = {each for each in came - {"table sealift-journal"} if not _is_stream_of(each, TABLE)}
    return [f"left behind: {each}" for each in sorted(came)] + [f"gone: {each}" for each in sorted(went)]


def resources(emulator: Emulator) -> set[str]:
    """Return all that there is."""
    return listing(emulator)


def _is_of(entry: str, table: str) -> bool:
    return entry in {f"table {table}", f"resource policy of {table}"} or _is_stream_of(entry, table)


def _is_stream_of(entry: str, table: str) -> bool:
    return entry.startswith("stream ") and f":table/{table}/stream/" in entry


def _some(what: str, lines: Sequence[str]) -> list[str]:
    shown = [f"{what}: {line}" for line in lines[:_SHOWN]]
    return [*shown, f"{what}: {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else shown
