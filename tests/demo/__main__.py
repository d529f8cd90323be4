# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a table moves on the emulator while it is written to. `python -m tests.demo --help`, or `make demo`."""

import argparse
import signal
import sys
from types import FrameType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.demo import users
from tests.demo.comparison import compare_at_rest
from tests.demo.processes import DemoError, Writer, playbook_command, run_playbook
from tests.demo.summary import Encryption, Outcome
from tests.emulator import Emulator, EmulatorError, Settings

_TARGET = f"{users.TABLE}-encrypted"
_ALIAS = "alias/users"
_VARIABLES = (f"table={users.TABLE}", f"kms_key={_ALIAS}")
_CATCH_UP_SECONDS = 60
_QUIET_SECONDS = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    arguments = _parse()
    for number in _SIGNALS:
        signal.signal(number, _leave)
    try:
        with Emulator(Settings(transition_seconds=1, poller_start_seconds=1)) as emulator:
            outcome = _migrate(emulator, arguments.items, arguments.rate, arguments.seed)
    except (DemoError, EmulatorError, ClientError, BotoCoreError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\n{outcome.text()}")
    return 1 if outcome.failures() else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.demo",
        description="Migrate a table under live writes on an emulator, and compare the two tables independently.",
    )
    parser.add_argument("--items", type=int, default=5000, help="how many the table has (%(default)s)")
    parser.add_argument("--rate", type=float, default=120, help="writes a second meanwhile (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random items and writes (%(default)s)")
    return parser.parse_args()


def _leave(number: int, _frame: FrameType | None) -> None:
    """Go through every clean-up, once."""
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    print("\nInterrupted: everything is being removed.", file=sys.stderr)
    sys.exit(128 + number)


def _migrate(emulator: Emulator, items: int, rate: float, seed: int) -> Outcome:
    dynamodb, kms = emulator.client("dynamodb"), emulator.client("kms")
    _say(f"An emulator of AWS on {emulator.endpoint}, a table {users.TABLE} of {items:,} items, a KMS key {_ALIAS}")
    users.create_table(dynamodb)
    users.load(dynamodb, items, seed)
    key_arn = kms.create_key(Description="Encrypts the users")["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=_ALIAS, TargetKeyId=key_arn)

    # A fifth of the writer's keys does not exist at first.
    with Writer(emulator, users=items * 6 // 5, rate=rate, seed=seed) as writer:
        _say(f"A process writes to {users.TABLE}, {rate:.0f} times a second")
        _say(f"$ {playbook_command(*_VARIABLES)}")
        stages = run_playbook(emulator, *_VARIABLES)
        writes = writer.stop()
    _say("The writer has ended. A comparison that shares no code with the collection:")
    comparison, equal_at = compare_at_rest(
        dynamodb, users.TABLE, _TARGET, limit=_CATCH_UP_SECONDS, quiet=_QUIET_SECONDS
    )
    return Outcome(
        stages=stages,
        writes=writes,
        comparison=comparison,
        equal_at=equal_at,
        encryption=_encryption(dynamodb, kms),
        key_arn=key_arn,
    )


def _encryption(dynamodb: Any, kms: Any) -> Encryption:
    described = dynamodb.describe_table(TableName=_TARGET)["Table"].get("SSEDescription", {})
    key_arn = described.get("KMSMasterKeyArn", "")
    manager = kms.describe_key(KeyId=key_arn)["KeyMetadata"]["KeyManager"] if key_arn else "AWS"
    return Encryption(kind=described.get("SSEType", ""), key_arn=key_arn, key_manager=manager)


def _say(text: str) -> None:
    # The playbook writes to the same terminal.
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
