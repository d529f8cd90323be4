# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator that the tests and the demo run against: ministack, with AWS's semantics where it has none of its own.

In Python:

    from tests.emulator import Emulator, Settings

    with Emulator(Settings(transition_seconds=1)) as emulator:
        emulator.client("dynamodb").list_tables()
        subprocess.run(["ansible-playbook", …], env=emulator.environment())
        emulator.inject({"fault": "throttle", "operation": "BatchWriteItem", "table": "users", "count": 3})
        emulator.configure(policy_delay_seconds=3)
        emulator.redeliver(function_name, batches=2)
        emulator.reset()

In pytest: the fixtures of tests/emulator/fixtures.py (`emulator`, `slow_emulator`, `cloud`, `dynamodb_local`, `name`).

From a shell or a Makefile (runs until SIGTERM or until the process that started it has gone):

    python -m tests.emulator --transition-seconds 1 --env-file build/emulator.env &
    python -m tests.emulator --transition-seconds 1 -- ansible-playbook …      # one command, then it stops

`Settings` says what may be set, `faults.py` which faults there are.
"""

from tests.emulator.launcher import Emulator, EmulatorError
from tests.emulator.settings import Settings

__all__ = ["Emulator", "EmulatorError", "Settings"]
