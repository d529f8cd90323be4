# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a table moves on the emulator while it is written to. `python -m tests.demo --help`, or `make demo`."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.demo import users
from tests.demo.account import listing
from tests.demo.comparison import Comparison, compare
from tests.demo.processes import DemoError, Stage, playbook_command, run_playbook
from tests.demo.summary import Encryption, Outcome
from tests.emulator import Emulator, EmulatorError, Settings
from tests.ledger import Application, ApplicationError, Report, losses

TARGET = f"{users.TABLE}-encrypted"
ALIAS = "alias/users"
POINTER = "/demo/users/table"
_SETTINGS = Settings(
    transition_seconds=1,
    poller_start_seconds=1,
    policy_delay_seconds=1,
    mapping_stop_seconds=1,
    ttl_transition_seconds=1,
)
_TABLE = ("-e", f"table={users.TABLE}")
_MOVE = ("-e", json.dumps({"pointers": [{"ssm_parameter": POINTER}], "straggler_minutes": 0.05}))
_RETIRE = ("-e", f"confirm={users.TABLE}", "-e", "retire_quiet_minutes=0")
# Of what a migration makes, this is to stay: the result, a log of what was done, and the way back to the old table.
_KEPT = {f"table {TARGET}", "table sealift-journal", f"backup {users.TABLE}"}
_THREADS = 8
_BETWEEN_SECONDS = 3
_COMPARE_SECONDS = 60
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parse(words)
    for number in _SIGNALS:
        signal.signal(number, _leave)
    try:
        with Emulator(_SETTINGS) as emulator:
            outcome = Demo(emulator, arguments).run()
    except (DemoError, EmulatorError, ApplicationError, ClientError, BotoCoreError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\n{outcome.text()}")
    return 1 if outcome.failures() else 0


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.demo",
        description="Migrate a table under live writes on an emulator, there, back and there again, and check every "
        "acknowledged write independently.",
    )
    parser.add_argument("--items", type=int, default=3000, help="how many the table has (%(default)s)")
    parser.add_argument("--rate", type=float, default=40, help="writes a second meanwhile (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random items and writes (%(default)s)")
    parser.add_argument(
        "--plant-loss", action="store_true", help="delete an acknowledged item at the end, which the check must find"
    )
    return parser.parse_args(words)


def _leave(number: int, _frame: FrameType | None) -> None:
    """Go through every clean-up, once."""
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    print("\nInterrupted: everything is being removed.", file=sys.stderr)
    sys.exit(128 + number)


class Demo:
    """One migration from its beginning to its end."""

    def __init__(self, emulator: Emulator, arguments: argparse.Namespace) -> None:
        self.emulator = emulator
        self._arguments = arguments
        self._dynamodb = emulator.client("dynamodb")
        self._stages: list[Stage] = []
        self._measured: dict[str, float] = {}

    def run(self) -> Outcome:
        key_arn = self._prepare()
        before = listing(self.emulator)
        report, comparison = self.migrate()
        if self._arguments.plant_loss:
            self._plant_loss(report)
        return Outcome(
            stages=self._stages,
            rate=self._arguments.rate,
            report=report,
            comparison=comparison,
            encryption=self._encryption(),
            key_arn=key_arn,
            policy_delay=_SETTINGS.policy_delay_seconds,
            measured=self._measured,
            lost=losses(self._dynamodb, TARGET, report),
            left=self._left(before),
        )

    def _prepare(self) -> str:
        """Make the table, its pointer and the key; return the key's ARN."""
        _say(
            f"An emulator of AWS on {self.emulator.endpoint}, a table {users.TABLE} of {self._arguments.items:,} "
            f"items, an SSM parameter {POINTER} that names it, a KMS key {ALIAS}"
        )
        users.create_table(self._dynamodb)
        written = users.load(self._dynamodb, self._arguments.items, self._arguments.seed)
        self._measured = {"write": written, "read": users.scan_units(self._dynamodb)}
        self.emulator.client("ssm").put_parameter(Name=POINTER, Value=users.TABLE, Type="String")
        kms = self.emulator.client("kms")
        key_arn: str = kms.create_key(Description="Encrypts the users")["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=ALIAS, TargetKeyId=key_arn)
        return key_arn

    def migrate(self) -> tuple[Report, Comparison]:
        rate, seed = self._arguments.rate, self._arguments.seed
        # A fifth of the application's keys does not exist at first.
        keys = self._arguments.items * 6 // 5
        # Nobody writes yet, so what it expects can be measured.
        self._play("-e", f"kms_key={ALIAS}", tag="plan")
        with Application(self.emulator, POINTER, keys=keys, rate=rate, seed=seed, threads=_THREADS) as application:

            def write_on() -> None:
                application.wait_for_writes(int(_BETWEEN_SECONDS * rate))

            _say(f"An application writes to the table that {POINTER} names, {rate:.0f} times a second")
            self._play("-e", f"kms_key={ALIAS}")
            for move in ("cutover", "rollback", "cutover"):
                self._play(*_MOVE, tag=move)
                write_on()
            _say("A comparison that shares no code with the collection:")
            comparison = compare(self._dynamodb, TARGET, users.TABLE, limit=_COMPARE_SECONDS)
            self._play(*_RETIRE, tag="retire")
            write_on()
            _say("The application ends, and its ledger is compared with the table.")
            return application.stop(), comparison

    def _play(self, *arguments: str, tag: str = "") -> None:
        _say(f"$ {playbook_command(*_TABLE, *arguments, tag=tag)}")
        self._stages += run_playbook(self.emulator, *_TABLE, *arguments, tag=tag)

    def _plant_loss(self, report: Report) -> None:
        number = next(
            number for number in range(self._arguments.items) if report.ledger[users.key(number)[users.KEY]["S"]]
        )
        _say("An acknowledged item is deleted behind the application's back.")
        self._dynamodb.delete_item(TableName=TARGET, Key=users.key(number))

    def _left(self, before: set[str]) -> list[str]:
        """Return what came and should not have stayed, the old table among it."""
        now = listing(self.emulator)
        return sorted((now - before - _KEPT) | (now & {f"table {users.TABLE}"}))

    def _encryption(self) -> Encryption:
        described: dict[str, Any] = self._dynamodb.describe_table(TableName=TARGET)["Table"].get("SSEDescription", {})
        key_arn = described.get("KMSMasterKeyArn", "")
        kms = self.emulator.client("kms")
        manager = kms.describe_key(KeyId=key_arn)["KeyMetadata"]["KeyManager"] if key_arn else "AWS"
        return Encryption(kind=described.get("SSEType", ""), key_arn=key_arn, key_manager=manager)


def _say(text: str) -> None:
    # The playbook writes to the same terminal.
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
