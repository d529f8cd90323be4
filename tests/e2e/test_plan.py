# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as users get it: the same in check mode, as a file, and in agreement with what the stages say later."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live_table import create_table, item, resources
from tests.e2e.playbook import migrate, module, playbook, refused
from tests.emulator import Emulator

PRICES = {
    "date": "2026-01-31",
    "currency": "USD",
    "regions": {"eu-west-1": {"write_requests_million": 1000000, "read_requests_million": "0"}},
}


def plan_of(emulator: Emulator, name: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    result = module(
        emulator, "dynamodb_plan", check, source=name, target=f"{name}-encrypted", **{"details": True, **options}
    )
    assert not result.get("failed"), result
    assert result["changed"] is False
    plan: dict[str, Any] = result["plan"]
    return plan


def without_times(plan: dict[str, Any]) -> dict[str, Any]:
    """Return what two plans of one moment have in common; the write rate is CloudWatch's, and grows old."""
    stages = [each for each in plan["stages"] if each["stage"] != "seed"]
    times = ("deadline", "summary", "time", "cost", "stages")
    return {name: value for name, value in plan.items() if name not in times} | {"stages": stages}


def seconds_apart(one: str, other: str) -> float:
    return abs((datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds())


def test_the_stage_previews_and_writes_the_same_plan(emulator: Emulator, name: str, tmp_path: Path) -> None:
    secret = "what-nobody-may-see"
    create_table(emulator, name, [item(number) | {"secret": {"S": secret}} for number in range(50)])
    before = resources(emulator)
    folder = f"{tmp_path / 'plans'}/"
    file = tmp_path / "plans" / f"{name}.plan.json"

    preview = migrate(emulator, name, "--tags", "plan", "-e", f"plan_path={folder}", "--check", "--diff").succeeded()

    assert not file.parent.exists()
    assert '"setting": "kms_key_arn"' in preview.output

    run = migrate(emulator, name, "--tags", "plan", "-e", f"plan_path={folder}").succeeded()

    assert (preview.changed, run.changed) == (0, 0)
    assert resources(emulator) == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    plan = json.loads(file.read_text(encoding="utf-8"))
    assert plan["sample"]["complete"]
    assert plan["sample"]["items"] == 50
    for output in (preview.output, run.output, file.read_text(encoding="utf-8")):
        assert secret not in output
    # The role's own price file knows no prices for this Region.
    assert plan["cost"]["unpriced"] == ["Region eu-west-1"]
    assert set(plan["cost"]["totals"].values()) == {None}
    assert "has no price for Region eu-west-1: units only" in run.output
    assert len(plan["summary"]) <= 25
    assert without_times(plan) == without_times(plan_of(emulator, name, check=True))


@pytest.mark.long
def test_later_stages_foretell_what_the_plan_said(emulator: Emulator, name: str) -> None:
    create_table(emulator, name, map(item, range(80)))
    both: dict[str, Any] = {"source": name, "target": f"{name}-encrypted"}
    plan = plan_of(emulator, name)

    clone = module(emulator, "dynamodb_encrypted_clone", True, **both)
    seed = module(emulator, "dynamodb_backfill", True, **both)

    assert clone["table"]["arn"] == plan["target"]["arn"]
    assert clone["table"]["name"] == plan["target"]["name"]
    assert (seed["items_written"], seed["bytes"]) == (plan["estimate"]["items"], plan["estimate"]["bytes"])
    assert seed["items_read"] == plan["source"]["items"] == 80
    assert seconds_apart(seed["deadline"], plan["deadline"]) < 120

    migrate(emulator, name).succeeded()

    later, seed = plan_of(emulator, name), module(emulator, "dynamodb_backfill", **both)
    assert seed["deadline"] == later["deadline"]
    assert seed["consumed"]["write"] == pytest.approx(plan["estimate"]["write_units"], rel=0.02)
    made = {(each["type"], each["name"]) for each in plan["resources"] if each["stage"] in ("clone", "replicate")}
    names = [each["FunctionName"] for each in emulator.client("lambda").list_functions()["Functions"]]
    assert {("function", each) for each in names} == {each for each in made if each[0] == "function"}
    roles = [each["RoleName"] for each in emulator.client("iam").list_roles()["Roles"]]
    assert {("role", each) for each in roles} >= {each for each in made if each[0] == "role"}
    tables = emulator.client("dynamodb").list_tables()["TableNames"]
    assert {("table", each) for each in tables if each != name} == {each for each in made if each[0] == "table"}
    alarms = [each["AlarmName"] for each in emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    assert {("alarm", each) for each in alarms} == {each for each in made if each[0] == "alarm"}
    queues = [each.rsplit("/", 1)[-1] for each in emulator.client("sqs").list_queues()["QueueUrls"]]
    assert {("queue", each) for each in queues} == {each for each in made if each[0] == "queue"}


def test_prices_of_ones_own(emulator: Emulator, name: str, tmp_path: Path) -> None:
    create_table(emulator, name, map(item, range(3)))
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps(PRICES), encoding="utf-8")

    cost = plan_of(emulator, name, price_path=str(prices))["cost"]

    amounts = {charge["what"]: charge["amount"] for charge in cost["charges"]}
    assert amounts["seed: writing the clone"] == "3"
    assert amounts["verify: reading the clone"] == "0"
    assert cost["prices_of"] == "2026-01-31"
    assert "storage_gb_month in Region eu-west-1" in cost["unpriced"]
    assert cost["totals"]["a day"] is None

    prices.write_text("{}", encoding="utf-8")
    message = refused(emulator, "dynamodb_plan", source=name, target=f"{name}-t", details=True, price_path=str(prices))
    assert "it has no object regions" in message
    assert "Nothing was changed" in message


def test_what_is_not_known_is_not_taken_for_nothing(emulator: Emulator, name: str) -> None:
    create_table(emulator, name, [])
    plan = plan_of(emulator, name, sample=False)

    assert plan["time"]["write_rate"] is None
    assert "CloudWatch has no datapoint" in plan["time"]["write_rate_unknown"]
    assert plan["time"]["catch_up"] is None
    assert any("write rate is not known" in line for line in plan["summary"])
    assert any("roughly, by DescribeTable's average" in line for line in plan["summary"])
    assert not any(charge["what"].startswith("replication: writing") for charge in plan["cost"]["charges"])


def test_other_calls_than_the_stages_ask_for_names_only(emulator: Emulator, name: str) -> None:
    create_table(emulator, name, map(item, range(3)))
    plan = plan_of(emulator, name, details=False)

    for section in ("cost", "time", "sample", "settings", "resources", "access", "advice", "consumers"):
        assert section not in plan


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (lambda arn: "{}", "there is a file already that is no plan"),
        (lambda arn: "not JSON", "there is a file already that is no plan"),
        (lambda arn: json.dumps({"source": {"arn": f"{arn}-other"}}), "it holds the plan of another table"),
    ],
)
def test_what_is_no_plan_of_this_table_is_not_overwritten(
    emulator: Emulator, name: str, tmp_path: Path, content: Callable[[str], str], cause: str
) -> None:
    create_table(emulator, name, map(item, range(3)))
    arn = emulator.client("dynamodb").describe_table(TableName=name)["Table"]["TableArn"]
    file = tmp_path / "file.json"
    file.write_text(content(arn), encoding="utf-8")
    options: dict[str, Any] = {"source": name, "target": f"{name}-t", "plan_path": str(file)}

    for check in (True, False):
        message = refused(emulator, "dynamodb_plan", check, **options)
        assert cause in message
    assert file.read_text(encoding="utf-8") == content(arn)

    file.write_text(json.dumps({"source": {"arn": arn}}), encoding="utf-8")
    assert module(emulator, "dynamodb_plan", **options)["plan_path"] == str(file)
    assert json.loads(file.read_text(encoding="utf-8"))["source"]["name"] == name


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(emulator: Emulator, name: str, tmp_path: Path) -> None:
    create_table(emulator, name, map(item, range(3)))
    (tmp_path / "file").write_text("x", encoding="utf-8")

    message = refused(
        emulator, "dynamodb_plan", source=name, target=f"{name}-t", plan_path=str(tmp_path / "file" / "plan.json")
    )

    assert "can't be written" in message


def test_each_table_of_a_fleet_gets_a_file_of_its_own(emulator: Emulator, name: str, tmp_path: Path) -> None:
    names = [f"{name}-{number}" for number in range(2)]
    for each in names:
        create_table(emulator, each, map(item, range(3)))
    inventory = tmp_path / "fleet.yml"
    inventory.write_text(json.dumps({"dynamodb_tables": {"hosts": dict.fromkeys(names)}}), encoding="utf-8")
    folder = tmp_path / "plans"

    playbook(emulator, "-i", str(inventory), "--tags", "plan", "-e", f"plan_path={folder}/").succeeded()

    assert sorted(each.name for each in folder.iterdir()) == [f"{each}.plan.json" for each in names]
