# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of all stages begins none that has been run: only where that is certain, and never in place of a refusal."""

from pathlib import Path
from typing import Any

from tests.e2e.live_table import create_table, describe, item, key
from tests.e2e.playbook import Run, migrate, module
from tests.e2e.replicator_harness import attach
from tests.emulator import Emulator

TASKS = {
    "stream": "Record every change of the source",
    "clone": "Create the encrypted clone, or complete it",
    "seed": "Copy every item",
}


def done(emulator: Emulator, name: str, **options: Any) -> list[str]:
    """Return the stages that the plan says need not be run."""
    arguments: dict[str, Any] = {"source": name, "target": f"{name}-encrypted", "details": True} | options
    told: list[str] = module(emulator, "dynamodb_plan", **arguments)["plan"]["done"]
    return told


def begun(run: Run) -> list[str]:
    """Return the stages whose own module was started."""
    return [stage for stage, task in TASKS.items() if not _skipped(run.output, task)]


def _skipped(output: str, task: str) -> bool:
    return output.partition(f"{task}] ")[2].splitlines()[1].startswith("skipping: ")


def test_what_has_been_run_is_begun_again_only_where_something_is_to_be_done(
    emulator: Emulator, name: str, tmp_path: Path
) -> None:
    create_table(emulator, name, map(item, range(20)))
    arn, template = describe(emulator, name)["TableArn"], tmp_path / "clone.yml"

    first = migrate(emulator, name).succeeded()
    second = migrate(emulator, name).succeeded()

    assert (begun(first), begun(second)) == (list(TASKS), [])
    assert second.changed == 0
    assert f"clone: nothing: {name}-encrypted is as it should be" in second.output
    assert begun(migrate(emulator, name, "--check").succeeded()) == []
    assert begun(migrate(emulator, name, "-e", f"template_path={template}").succeeded()) == ["clone"]
    assert template.exists()

    emulator.client("dynamodb").tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "search"}])

    told = migrate(emulator, name).succeeded()
    assert begun(told) == ["clone"]
    assert "differs from what is wanted in: tags" in " ".join(told.output.split())
    mended = migrate(emulator, name, "-e", "clone_state=present").succeeded()
    assert (begun(mended), mended.changed) == (["clone"], 1)
    # A seed that is to begin again does, and its replay follows.
    emulator.client("dynamodb").delete_item(TableName=f"{name}-encrypted", Key=key(3))
    assert begun(migrate(emulator, name, "-e", "seed_restart=true").succeeded()) == ["seed"]


def test_what_is_not_certain_is_not_done(emulator: Emulator, name: str) -> None:
    create_table(emulator, name, map(item, range(20)))
    assert done(emulator, name) == []
    migrate(emulator, name, "--tags", "plan,stream,clone,replicate").succeeded()
    # Before the seed is complete, each stage looks for itself.
    assert done(emulator, name) == []
    migrate(emulator, name, "--tags", "seed").succeeded()
    dynamodb, all_done = emulator.client("dynamodb"), list(TASKS)
    assert done(emulator, name) == all_done
    assert done(emulator, name, details=False) == []
    assert done(emulator, name, overrides={"table_class": "STANDARD_INFREQUENT_ACCESS"}) == ["stream", "seed"]

    emulator.inject({"fault": "access_denied", "action": "dynamodb:DescribeKinesisStreamingDestination"})
    assert done(emulator, name) == ["stream", "seed"]
    emulator.clear_faults()
    assert done(emulator, name) == all_done

    _note_a_move(dynamodb, describe(emulator, name)["TableArn"])
    assert done(emulator, name) == []
    _forget_the_move(dynamodb, describe(emulator, name)["TableArn"])

    for function in ("shop", "search"):
        attach(emulator, function, describe(emulator, name)["LatestStreamArn"])
    assert done(emulator, name) == ["clone", "seed"]

    for specification in ({"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}):
        dynamodb.update_table(TableName=name, StreamSpecification=specification)
        dynamodb.get_waiter("table_exists").wait(TableName=name)
    assert done(emulator, name) == []
    assert "the source's stream was replaced since it began" in migrate(emulator, name, "--tags", "seed").refused()


def _move(table_arn: str) -> dict[str, Any]:
    return {"migration": {"S": table_arn}, "entry": {"S": "stage#cutover"}}


def _note_a_move(dynamodb: Any, table_arn: str) -> None:
    entry = {"current": "source", "active": "forward", "state": "backed out", "step": "checked"}
    values = {name: {"S": value} for name, value in entry.items()} | {"version": {"N": "1"}}
    dynamodb.put_item(TableName="sealift-journal", Item=_move(table_arn) | values)


def _forget_the_move(dynamodb: Any, table_arn: str) -> None:
    dynamodb.delete_item(TableName="sealift-journal", Key=_move(table_arn))
