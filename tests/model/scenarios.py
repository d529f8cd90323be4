# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is explored: the protocol within bounds, and each tempting other one as far as its loss."""

from dataclasses import dataclass

from tests.model.world import Left, Protocol


@dataclass(frozen=True)
class Mistake:
    """A protocol that loses a write.

    :param bounds: what has to happen for it.
    """

    text: str
    protocol: Protocol
    bounds: Left


# Each is explored from a key without an item and from one with an item.
BOUNDS = {
    "copy and replay": Left(writes=3, deliveries_again=1, invocation_crashes=1, operator_crashes=1),
    "begin the seed again": Left(writes=2, deliveries_again=1, operator_crashes=1, seeds_again=1),
    "repair beside it": Left(writes=2, deliveries_again=1, operator_crashes=1, repairs=1),
    "a day passes": Left(writes=2, operator_crashes=1, seeds_again=1, days=1),
    "cutover": Left(writes=2, deliveries_again=1, invocation_crashes=1, operator_crashes=1, moves=1),
    "cutover, given up": Left(writes=2, deliveries_again=1, operator_crashes=1, moves=1, give_ups=1),
    "cutover and rollback": Left(writes=3, deliveries_again=1, operator_crashes=1, moves=2),
    "a day passes at the cutover": Left(writes=2, operator_crashes=1, days=1, moves=2),
}
# From every state of these, an end can be reached.
LIVE = ("copy and replay", "cutover", "cutover, given up", "cutover and rollback")

MISTAKES = (
    Mistake(
        "the seed overwrites while replication runs",
        Protocol(replicates_while_seeding=True),
        Left(writes=1),
    ),
    Mistake(
        "the seed writes only what is absent, while replication runs",
        Protocol(replicates_while_seeding=True, seeds_only_absent=True),
        Left(writes=1),
    ),
    Mistake(
        "replication begins before the seed's last write is acknowledged",
        Protocol(enables_before_acknowledged=True),
        Left(writes=1),
    ),
    Mistake("replication starts at LATEST", Protocol(starts_at_latest=True), Left(writes=1)),
    Mistake(
        "records are ordered by their time, which is in whole seconds", Protocol(orders_by_time=True), Left(writes=2)
    ),
    Mistake(
        "a seed goes on before a dead one's requests have arrived",
        Protocol(seeds_without_lease=True),
        Left(writes=1, operator_crashes=1),
    ),
    Mistake(
        "a seed that begins again does not delete what the source has lost since",
        Protocol(restarts_without_sweep=True),
        Left(writes=1, seeds_again=1, days=1),
    ),
    Mistake(
        "replication begins although the seed began more than 23 hours ago",
        Protocol(ignores_the_deadline=True),
        Left(writes=1, days=1),
    ),
    Mistake(
        "a proof goes on although the stream has dropped what it was to compare",
        Protocol(ignores_dropped_records=True),
        Left(writes=1, days=1, moves=1),
    ),
    Mistake(
        "a verify counts that ran while replication was a day behind",
        Protocol(verifies_far_behind=True),
        Left(writes=2, days=1, moves=1),
    ),
    Mistake(
        "a repair writes what it has read, and does not read again",
        Protocol(repairs_without_reading_again=True),
        Left(writes=1, repairs=1),
    ),
    Mistake(
        "a repair may run beside a verify or a cutover",
        Protocol(repairs_without_lease=True),
        Left(writes=1, repairs=1, moves=1),
    ),
    Mistake("both directions replicate", Protocol(runs_both_directions=True), Left(writes=2, moves=1)),
    Mistake(
        "the fence is lifted before the drain is proven",
        Protocol(lifts_the_fence_before_the_drain=True),
        Left(writes=1, moves=1),
    ),
    Mistake("the fence is not probed", Protocol(does_not_probe=True), Left(writes=1, moves=1)),
    Mistake("there is no gate", Protocol(has_no_gate=True), Left(writes=2, deliveries_again=1, moves=1)),
    Mistake(
        "the proof is not repeated after the gate is closed",
        Protocol(does_not_prove_again=True),
        Left(writes=2, deliveries_again=1, moves=1),
    ),
    Mistake(
        "a move begins before replication has delivered what came before the verify",
        Protocol(moves_before_the_replay=True),
        Left(writes=2, moves=1),
    ),
    Mistake(
        "replication the other way replays what was proven to be equal",
        Protocol(replays_what_was_proven=True),
        Left(writes=2, days=1, moves=2),
    ),
    Mistake(
        "the clone takes writes again after a cutover was backed out",
        Protocol(opens_the_target_after_backing_out=True),
        Left(writes=1, moves=1, give_ups=1),
    ),
)

ASSUMPTIONS = (
    Mistake(
        "Lambda delivers an old batch again, and nothing after it",
        Protocol(redelivers_alone=True),
        Left(writes=2, deliveries_again=1),
    ),
    Mistake(
        "between proof and stop, Lambda delivers again what is older than what the proof has compared",
        Protocol(redelivers_from_afar=True),
        Left(writes=2, deliveries_again=1, moves=1),
    ),
)
