# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that follows a pointer to its table, and a ledger of every write that was acknowledged to it.

    with Application(emulator, "/app/table", keys=200, rate=50, seed=1) as application:
        …                                       # the table moves
        report = application.stop()
    assert not report.violations
    assert not losses(emulator.client("dynamodb"), "the table that is current now", report)

Nothing here uses the collection's code: what that did is judged from outside.
"""

from tests.ledger.application import Application, ApplicationError
from tests.ledger.mix import Mix
from tests.ledger.report import Pause, Report, losses

__all__ = ["Application", "ApplicationError", "Mix", "Pause", "Report", "losses"]
