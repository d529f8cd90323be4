# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan: the table, its writers, the faults, the operator, and the judgement at the end."""

import contextlib
import json
import resource
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from tests.emulator import Emulator, Settings
from tests.emulator.environment import ACCOUNT
from tests.ledger import Application, ApplicationError, Report
from tests.torture.checks import broken_promises, differences, leftovers, resources, told_secrets
from tests.torture.commands import Finding, Operator
from tests.torture.plan import ALIAS, CLONE, POINTER, TABLE, Plan, Step
from tests.torture.result import Result
from tests.torture.sentinel import Sentinel
from tests.torture.weather import Weather

_ROLE = "torturer"
_BETWEEN = 20


class Life:
    """One run.

    :param folder: where the outputs of the commands go.
    """

    def __init__(self, emulator: Emulator, plan: Plan, folder: Path) -> None:
        self._emulator = emulator
        self._plan = plan
        self._folder = folder
        self._dynamodb = emulator.observer("dynamodb")
        self._arn = ""
        self._began = time.monotonic()
        self._reports: list[Report] = []
        self._findings: list[str] = []

    def live(self) -> Result:
        """Live it to its end, or to the first thing that must never be."""
        self._prepare()
        before = resources(self._emulator)
        weather = Weather(self._emulator, self._plan.gusts(), self._functions)
        role = f"arn:aws:iam::{ACCOUNT}:role/{_ROLE}"
        operator = Operator(self._emulator, weather, self._folder, self._plan.options, role)
        sentinel = Sentinel(self._emulator, self._arn)
        with contextlib.ExitStack() as stack:
            applications = [stack.enter_context(application) for application in self._applications()]
            stack.callback(operator.end)
            stack.enter_context(sentinel)
            stack.enter_context(weather)
            try:
                self._migrate(operator, weather, applications)
            except Finding as finding:
                self._findings.append(str(finding))
            except Exception:  # noqa: BLE001 - whatever it is, the seed that did it must be told
                self._findings.append(f"the run itself broke: {self._written(traceback.format_exc())}")
            with weather.calm():
                self._judge(applications, before)
        self._findings += [f"both directions were open, {sentinel.doubled} time(s)"] * bool(sentinel.doubled)
        for place in (self._folder, self._emulator):
            self._findings += told_secrets(place, operator.credentials)
        self._findings += [f"the weather broke: {weather.error!r}"] * bool(weather.error)
        return self._result(operator, weather, sentinel)

    def _prepare(self) -> None:
        shape, writers, random = self._plan.shape, self._plan.writers, Random(f"{self._plan.seed}/items")
        self._dynamodb.create_table(**shape.creation(TABLE))
        self._dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})
        self._arn = self._dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"]
        for item in shape.first_items(random, writers.mix):
            self._dynamodb.put_item(TableName=TABLE, Item=item)
        self._emulator.client("ssm").put_parameter(Name=POINTER, Value=TABLE, Type="String")
        kms = self._emulator.client("kms")
        kms.create_alias(AliasName=ALIAS, TargetKeyId=kms.create_key()["KeyMetadata"]["Arn"])
        _create_role(self._emulator)

    def _applications(self) -> Iterator[Application]:
        writers = self._plan.writers
        for number in range(writers.processes):
            yield Application(
                self._emulator,
                POINTER,
                keys=writers.keys,
                first_key=number * writers.keys,
                rate=writers.rate,
                seed=self._plan.seed * 10 + number,
                threads=writers.threads,
                mix=writers.mix,
            )

    def _functions(self) -> list[str]:
        return [replication_names(self._arn, direction).function for direction in Direction]

    def _migrate(self, operator: Operator, weather: Weather, applications: Sequence[Application]) -> None:
        self._take(operator, applications, self._plan.opening)
        trips = self._plan.trips()
        while not self._plan.short and (trip := next(trips)):
            self._take(operator, applications, trip)
            if time.monotonic() - self._began > 60 * self._plan.minutes:
                break
        *others, last = self._plan.ending
        self._take(operator, applications, others)
        # From here on there is only one table, and no function with its logs and its queue.
        with weather.calm():
            self._findings += differences(self._emulator)
            self._findings += told_secrets(self._emulator, operator.credentials)
        self._take(operator, applications, [last])

    def _take(self, operator: Operator, applications: Sequence[Application], steps: Sequence[Step]) -> None:
        for step in steps:
            operator.carry_out(step)
            for application in applications:
                application.wait_for_writes(_BETWEEN, limit=120)

    def _judge(self, applications: Sequence[Application], before: set[str]) -> None:
        for application in applications:
            try:
                self._reports.append(application.stop())
            except ApplicationError as error:
                self._findings.append(str(error))
        current = self._emulator.client("ssm").get_parameter(Name=POINTER)["Parameter"]["Value"]
        self._findings += broken_promises(self._emulator, current, self._reports)
        if self._findings:
            # It is not at its end, so what is there now is no leftover.
            return
        if current != (CLONE if self._plan.retires else TABLE):
            self._findings.append(f"the pointer leads to {current}")
        self._findings += leftovers(
            before,
            resources(self._emulator),
            retired=self._plan.retires,
            streamed=self._plan.shape.view is not None,
        )

    def _written(self, text: str) -> Path:
        path = self._folder / "traceback"
        path.write_text(text, encoding="utf-8")
        return path

    def _result(self, operator: Operator, weather: Weather, sentinel: Sentinel) -> Result:
        writes = sum((Counter(report.kinds) for report in self._reports), Counter[str]())
        pauses = [pause.seconds for report in self._reports for pause in report.pauses]
        return Result(
            seed=self._plan.seed,
            minutes=self._plan.minutes,
            seconds=round(time.monotonic() - self._began, 1),
            processor_seconds=0.0,
            table=str(self._plan.shape),
            ending=self._plan.ending[-1].tag,
            writes=dict(writes),
            refused_writes=sum(report.refused for report in self._reports),
            faults=dict(+weather.hits),
            interruptions=dict(operator.interruptions),
            commands=dict(operator.commands),
            refusals=dict(operator.refusals),
            pause_seconds=round(max(pauses, default=0.0), 1),
            looks=sentinel.looks,
            findings=self._findings,
        )


def live(plan: Plan, folder: Path) -> Result:
    """Carry out a plan in an emulator of its own."""
    with Emulator(Settings().with_changes(plan.settings)) as emulator:
        before = _processor_seconds()
        result = Life(emulator, plan, folder).live()
        if result.findings:
            shutil.copy(emulator.folder / "emulator.log", folder)
    return replace(result, processor_seconds=round(_processor_seconds() - before, 1))


def _processor_seconds() -> float:
    """Return what this process has used, and all those that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _create_role(emulator: Emulator) -> None:
    """Make the role of an operator whose credentials expire."""
    iam = emulator.client("iam")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=_ROLE, PolicyName="everything", PolicyDocument=_document(everything))


def _document(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
