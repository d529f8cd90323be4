# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks that are off: this machine's, or that of the one that wrote the journal."""

import time

from tests.bad_input.cases import Case, assert_refused, refusing, table
from tests.bad_input.journal import changed
from tests.bad_input.world import JOURNAL, SOURCE, World
from tests.e2e.crossing import moment

HOUR = 3600.0
OFF = ("the clock of this machine is off", "Set it", "run the same command again")
EXPIRED = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)"
EARLY = "Signature not yet current: 20260101T003000Z is still later than 20260101T002000Z (20260101T001500Z + 5 min.)"

ANSWERS = (
    ("behind", "dynamodb_plan", refusing("InvalidSignatureException", EXPIRED)),
    ("ahead", "dynamodb_stream", refusing("InvalidSignatureException", EARLY)),
    ("behind, as IAM says it", "dynamodb_compare", refusing("SignatureDoesNotMatch", EXPIRED)),
    ("off, as S3 says it", "dynamodb_cutover", refusing("RequestTimeTooSkewed", "The difference is too large.")),
)

LATER = time.time() + 2 * HOUR
TOO_LATE = (JOURNAL, SOURCE, "a time to come", "Put the entry back as it was", "Nothing was changed")

# Which entry, which of its times, what it would be, and who goes by it.
AHEAD = (
    ("stage#seed", "began_at", LATER, "backfill"),
    ("stage#seed", "began_at", LATER, "replication"),
    ("stage#seed", "complete_at", LATER, "cutover"),
    ("stage#replicate", "applied_until", LATER, "replication"),
    ("verify#latest", "began_at", moment(LATER), "cutover"),
    ("verify#latest", "finished_at", moment(LATER), "cutover"),
)

CASES = (
    *(Case(f"it is {what}", module, OFF, faults=(fault,)) for what, module, fault in ANSWERS),
    *(
        Case(
            f"{name} of {entry} in two hours",
            f"dynamodb_{module}",
            (f"an entry {entry}", f"a value {name}", *TOO_LATE),
            given=changed(entry, **{name: at}),
        )
        for entry, name, at, module in AHEAD
    ),
    Case(
        "the last verify is of yesterday",
        "dynamodb_cutover",
        (SOURCE, "longer ago than 3600 s (verify_max_age)", "--tags verify", "Nothing was changed"),
        given=changed("verify#latest", finished_at=moment(time.time() - 24 * HOUR)),
    ),
)


@table(CASES)
def test_it_is_said(world: World, case: Case) -> None:
    assert_refused(world, case)


def test_a_clock_that_is_a_little_ahead_harms_nobody(world: World) -> None:
    """AWS takes the requests of clocks that are off by some minutes."""
    with changed("verify#latest", finished_at=moment(time.time() + 300))(world):
        code, result = world.run("dynamodb_cutover", {}, check=True)
    assert code == 0, result["msg"]
