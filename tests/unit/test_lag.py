# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate's states prove, and what they don't."""

from collections.abc import Iterator

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import (
    BlockWatch,
    DrainWatch,
    GateState,
    Invocation,
    Verdict,
)

NOW = 1_000_000.0
TIMEOUT = 60.0


def state(clock: float, invocations: int = 1, oldest: float | None = None, **values: object) -> GateState:
    """Return the gate at a moment; oldest is the age of the oldest record in flight."""
    at = NOW + clock
    running = {} if oldest is None else {"id": Invocation(since=at - 0.1, oldest=at - oldest)}
    fields = {"parts": 1, "open_parts": 1, "invocations": invocations, "at": at, "running": running} | values
    return GateState(**fields)  # type: ignore[arg-type]


def watch(invocations_before: int = 0) -> DrainWatch:
    return DrainWatch(invocations_before, batching_window=1, function_timeout=TIMEOUT)


def ticks(first: float = 0.0, last: float = 6.0) -> Iterator[float]:
    return (first + number / 4 for number in range(int((last - first) * 4) + 1))


def test_lag_is_the_age_of_the_oldest_record_in_flight_or_blocked() -> None:
    assert state(0).lag_seconds(TIMEOUT) == 0
    assert state(0, oldest=7).lag_seconds(TIMEOUT) == 7
    assert state(0, oldest=7, blocked={"1": NOW - 30}).lag_seconds(TIMEOUT) == 30
    assert state(0, oldest=-2).lag_seconds(TIMEOUT) == 0
    assert state(0, blocked={"1": NOW - 1.26}).lag_seconds(TIMEOUT) == 1.3


def test_an_invocation_older_than_the_timeout_is_dead() -> None:
    running = {"dead": Invocation(NOW - TIMEOUT - 5.1, NOW - 500), "alive": Invocation(NOW - TIMEOUT - 5, NOW - 80)}
    seen = state(0, running=running)
    assert seen.in_flight(TIMEOUT) == [running["alive"]]
    assert seen.lag_seconds(TIMEOUT) == 80


def test_a_gate_is_open_or_closed_only_with_all_its_parts() -> None:
    assert [(gate.open, gate.closed) for gate in (GateState(2, 0), GateState(2, 1), GateState(2, 2))] == [
        (False, True),
        (False, False),
        (True, False),
    ]


def test_a_quiet_window_proves_it() -> None:
    drain = watch()
    assert {drain.observe(state(clock), clock) for clock in ticks(last=4.75)} == {Verdict.BEHIND}
    assert drain.observe(state(5), 5) is Verdict.CAUGHT_UP
    assert drain.applied_until == NOW + 5 - 2


def test_without_an_invocation_it_is_only_idle() -> None:
    drain = watch(invocations_before=1)
    assert {drain.observe(state(clock), clock) for clock in ticks()} == {Verdict.BEHIND, Verdict.IDLE}


def test_invocations_between_two_looks_prove_nothing() -> None:
    drain = watch()
    assert {drain.observe(state(clock, invocations=int(clock) + 1), clock) for clock in ticks(last=30)} == {
        Verdict.BEHIND
    }


def test_only_young_records_in_a_window_prove_it_on_a_table_that_is_never_quiet() -> None:
    drain = watch()
    verdicts = [drain.observe(state(clock, int(clock * 4) + 1, oldest=1.5), clock) for clock in ticks()]
    assert verdicts.index(Verdict.CAUGHT_UP) == 20
    assert drain.applied_until == NOW - 1.5 - 2


def test_the_first_young_record_after_silence_proves_nothing_yet() -> None:
    drain = watch()
    verdicts = [drain.observe(state(clock, 1, oldest=1.0 if clock >= 8 else None), clock) for clock in ticks(last=14)]
    assert Verdict.CAUGHT_UP not in verdicts[4 * 8 : 4 * 13]
    assert verdicts[4 * 13] is Verdict.CAUGHT_UP


def test_where_invocations_come_and_go_unseen_it_is_to_be_looked_more_often_until_one_is_seen() -> None:
    drain = watch()
    seen = [state(0), state(1), state(2, invocations=2), state(3, invocations=2), state(4, invocations=3, oldest=1.0)]
    pauses = []
    for clock, each in enumerate([*seen, state(5, invocations=4)]):
        drain.observe(each, float(clock))
        pauses.append(drain.pause)
    usual = pauses[0]
    assert [pause < usual for pause in pauses] == [False, False, True, True, False, False]
    assert max(pauses) == usual


def test_when_writing_has_ended_quiet_is_waited_for() -> None:
    drain = watch()
    seen = [state(clock, oldest=1.0 if clock < 2 else None) for clock in ticks(last=8)]
    verdicts = [drain.observe(each, clock) for each, clock in zip(seen, ticks(last=8), strict=True)]
    assert verdicts.index(Verdict.CAUGHT_UP) == 4 * 6.75
    assert drain.applied_until > NOW + 4


@pytest.mark.parametrize(
    "spoiler",
    [
        {"oldest": 3600},
        {"blocked": {"17": NOW}},
        {"open_parts": 0},
    ],
)
def test_one_old_or_blocked_record_begins_the_window_anew(spoiler: dict[str, object]) -> None:
    drain = watch()
    verdicts = [
        drain.observe(state(clock, 1, **(spoiler if clock == 4 else {})), clock)  # type: ignore[arg-type]
        for clock in ticks(last=10)
    ]
    assert verdicts.index(Verdict.CAUGHT_UP) >= 4 * 9


def test_what_is_seen_in_flight_tells_until_when_all_is_applied() -> None:
    drain = watch()
    assert drain.observe(state(0, oldest=600), 0) is Verdict.BEHIND
    assert drain.behind_until(0) is None
    assert drain.observe(state(3, oldest=700), 3) is Verdict.BEHIND
    assert drain.observe(state(5, oldest=600), 5) is Verdict.BEHIND
    assert drain.behind_until(5) == NOW + 3 - 700 - 2
    assert watch().behind_until(99) is None


def test_a_record_is_young_as_long_as_a_batch_may_be_waited_for() -> None:
    def verdict(age: float) -> Verdict:
        drain = watch()
        for clock in ticks():
            last = drain.observe(state(clock, int(clock * 4), oldest=age), clock)
        return last

    assert verdict(11) is Verdict.CAUGHT_UP
    assert verdict(11.1) is Verdict.BEHIND


def test_what_is_applied_is_known_only_after_a_while_of_looking() -> None:
    drain = watch()
    assert drain.applied_until == 0
    drain.observe(state(100, oldest=600), 100)
    assert drain.behind_until(104.9) is None
    assert drain.behind_until(105) == NOW + 100 - 600 - 2


def test_a_block_is_timed_by_record() -> None:
    blocks = BlockWatch()
    assert blocks.seconds(state(0, blocked={"1": NOW}), 0) == 0
    assert blocks.seconds(state(9, blocked={"1": NOW, "2": NOW}), 9) == 9
    assert blocks.seconds(state(12, blocked={"2": NOW}), 12) == 3
    assert blocks.seconds(state(13), 13) == 0
    assert blocks.seconds(state(20, blocked={"2": NOW}), 20) == 0
