# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process at a time: a lease on a journal entry.

Two seeds of one table must never write at the same time: the first to end would start replication while the other
still writes what it had read before. Two cutovers would undo each other's steps. A run that was killed can't say so,
and its requests may still be under way. So the owner renews the lease, and stops acting by itself long before the lease
ends; whoever wants it watches it unchanged for its whole length first. Only lengths of time are compared, never two
machines' clocks.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal, LostRaceError

_RENEWAL_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Term:
    """How long a lease lasts, and what that allows; all in seconds.

    :param lease: without a renewal for so long, the owner is dead.
    :param renew: after so long a renewal is due.
    :param write: after so long without a renewal no request is begun any more.
    :param request: a client's configuration with which a request ends within what is left of the lease then.
    """

    lease: float
    renew: float
    write: float
    request: Mapping[str, Any]


SEED_TERM = Term(
    lease=30.0,
    renew=4.0,
    write=12.0,
    request={"connect_timeout": 3, "read_timeout": 10, "retries": {"mode": "standard", "total_max_attempts": 1}},
)
# Short, since writes are refused while a dead run's lease is waited for.
MOVE_TERM = Term(
    lease=14.0,
    renew=1.0,
    write=4.0,
    request={"connect_timeout": 2, "read_timeout": 5, "retries": {"mode": "standard", "total_max_attempts": 1}},
)


class Lease:
    """A lease on one entry of the journal, with the attributes owner and heartbeat.

    :param work: what the owner does, in a word.
    :param clock: seconds, monotonic.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        journal: Journal,
        entry: str,
        work: str,
        term: Term,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._journal = journal
        self._entry = entry
        self._work = work
        self._term = term
        self._clock = clock
        self._sleep = sleep
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._heartbeat = 0
        self._renewed_at = 0.0

    def take(self, values: Mapping[str, Any], unchanged: Mapping[str, Any] | None = None) -> None:
        """Take the lease, writing values into the entry in the same step.

        :param unchanged: what the entry must still hold, for whoever has decided by that; None is no such value.
        :raises SealiftError: another run holds the lease, and lives.
        """
        held = self._outlived(self._journal.get(self._entry) or {})
        self._heartbeat = (held.get("heartbeat") or 0) + 1
        expected = {name: held.get(name) for name in ("owner", "heartbeat", "state")} | dict(unchanged or {})
        self._write(dict(values) | {"owner": self._owner, "heartbeat": self._heartbeat}, expected)

    def refuse_while_held(self) -> None:
        """Wait until nobody holds the lease, or whoever did is dead; takes nothing.

        :raises SealiftError: another run holds the lease, and lives.
        """
        self._outlived(self._journal.get(self._entry) or {})

    def renew_if_due(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Renew the lease, with values, once it is time to; a fault that passes before the lease ends is none.

        :returns: the entry, where it was renewed.
        """
        age = self._clock() - self._renewed_at
        if age < self._term.renew:
            return None
        try:
            entry = self._write(dict(values) | {"heartbeat": self._heartbeat + 1}, {"owner": self._owner})
        except SealiftError as error:
            if not error.retryable or age >= self._term.lease:
                raise
            return None
        self._heartbeat += 1
        return entry

    def write(self, values: Mapping[str, Any]) -> None:
        """Write values under the lease, which that renews."""
        self._write(dict(values) | {"heartbeat": self._heartbeat + 1}, {"owner": self._owner})
        self._heartbeat += 1

    def give_back(self, values: Mapping[str, Any]) -> None:
        """End the lease, writing values in the same step."""
        self._write(dict(values) | {"owner": ""}, {"owner": self._owner})

    @property
    def writes_until(self) -> float:
        """When the last request may be begun under this lease, by the monotonic clock."""
        return self._renewed_at + self._term.write

    def allows_writing(self) -> bool:
        """Tell whether a request may still be begun under this lease."""
        return self._clock() < self.writes_until

    def _write(self, values: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
        # The lease runs from before the request: its answer may have been long under way.
        began = self._clock()
        try:
            entry = self._journal.update(self._entry, values, expected)
        except LostRaceError as error:
            entry = self._journal.get(self._entry) or {}
            written = {"owner": self._owner, "heartbeat": self._heartbeat} | dict(values)
            # It was written where the answer was lost, and the client has tried again.
            if any(entry.get(name) != written[name] for name in ("owner", "heartbeat")):
                raise self._busy("another process") from error
        self._renewed_at = began
        return entry

    def _outlived(self, held: dict[str, Any]) -> dict[str, Any]:
        """Wait until the holder, if there is one, has ended or has not renewed for a whole lease; return the entry."""
        began = self._clock()
        while held.get("owner") and self._clock() - began < self._term.lease:
            self._sleep(1.0)
            now = self._journal.get(self._entry) or {}
            if not now.get("owner") and now.get("state") == held["state"]:
                return now
            if (now.get("owner"), now["heartbeat"]) != (held["owner"], held["heartbeat"]):
                raise self._busy(_who(now.get("owner") or held["owner"]))
        return held

    def _busy(self, who: str) -> SealiftError:
        table = self._journal.migration.rsplit("/", 1)[-1]
        return SealiftError(
            f"The {self._work} of table {table} is being run by {who}. Nothing is lost, and this run changed nothing. "
            "Let that one end, or stop it, and run the same command again."
        )


class Keeper:
    """Keeps a lease in a thread of its own, and gives it back at the end."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._error: SealiftError | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)

    @property
    def lost(self) -> bool:
        return self._error is not None

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()
        # A lease that can't be given back ends by itself.
        with suppress(SealiftError):
            self._lease.give_back({})

    def write(self, values: Mapping[str, Any]) -> None:
        self.guard()
        with self._lock:
            self._lease.write(values)

    def guard(self) -> None:
        """Wait for a renewal that is late; raise what makes it impossible."""
        while not self._lease.allows_writing() and self._error is None:
            time.sleep(_RENEWAL_LOOK_SECONDS)
        if self._error:
            raise self._error

    def _keep(self) -> None:
        while not self._end.wait(_RENEWAL_LOOK_SECONDS):
            try:
                with self._lock:
                    self._lease.renew_if_due({})
            except SealiftError as error:
                self._error = error
                return


def _who(owner: str) -> str:
    host, pid, _unused = owner.rsplit(":", 2)
    return f"process {pid} on {host}"
