# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is wrong from the beginning is said in one paragraph, by the playbook, before anything was changed."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.live_table import create_table, describe, item, resources
from tests.e2e.playbook import Run, migrate, playbook
from tests.e2e.replicator_harness import packed, wait_for
from tests.emulator import Emulator

# A port on which nothing listens.
NOBODY = "http://127.0.0.1:9"


def refusal_without_a_trace(emulator: Emulator, run: Callable[[], Run], *faults: dict[str, Any]) -> str:
    """The message of a run that is refused and changes nothing at all.

    :param faults: in force during the run only.
    """
    before = resources(emulator)
    emulator.inject(*faults)
    message = run().refused()
    emulator.clear_faults()
    after = resources(emulator)
    if "sealift-journal" not in before["tables"]:
        # The intent to enable a stream is written down before the attempt, and taken back; the journal's table stays.
        after["tables"].pop("sealift-journal", None)
    assert after == before
    return message


def test_no_such_table(slow_emulator: Emulator) -> None:
    message = refusal_without_a_trace(slow_emulator, lambda: migrate(slow_emulator, "nobody"))
    for clue in ("no table nobody", "eu-west-1", "Nothing was changed", "list-tables"):
        assert clue in message


def test_no_credentials(slow_emulator: Emulator, name: str) -> None:
    create_table(slow_emulator, name)
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    message = refusal_without_a_trace(
        slow_emulator, lambda: playbook(slow_emulator, "-e", f"table={name}", variables=without)
    )
    for clue in (name, "no AWS credentials", "Nothing was changed", "AWS_PROFILE"):
        assert clue in message


def test_the_endpoint_is_down(slow_emulator: Emulator, name: str) -> None:
    create_table(slow_emulator, name)
    message = refusal_without_a_trace(
        slow_emulator,
        lambda: playbook(slow_emulator, "-e", f"table={name}", variables={"AWS_ENDPOINT_URL": NOBODY}),
    )
    for clue in (name, "does not answer", NOBODY, "run the same command again"):
        assert clue in message


@pytest.mark.parametrize(
    ("action", "resource", "stage"),
    [
        ("dynamodb:DescribeTable", "{table}", "plan"),
        ("kms:DescribeKey", "*", "plan"),
        ("dynamodb:UpdateTable", "{table}", "stream"),
        ("dynamodb:CreateTable", "sealift-journal", "clone"),
    ],
)
def test_access_denied(slow_emulator: Emulator, name: str, action: str, resource: str, stage: str) -> None:
    create_table(slow_emulator, name)
    resource = resource.format(table=name)
    message = refusal_without_a_trace(
        slow_emulator,
        lambda: migrate(slow_emulator, name, "--tags", stage),
        {"fault": "access_denied", "action": action, "resource": resource},
    )
    assert f"access denied. The caller may not perform {action} on arn:aws:" in message
    assert resource.strip("*") in message
    assert "Allow it in the caller's policy" in message


def test_one_name_for_both_tables(slow_emulator: Emulator, name: str) -> None:
    create_table(slow_emulator, name)
    message = refusal_without_a_trace(slow_emulator, lambda: migrate(slow_emulator, name, "-e", f"target_table={name}"))
    for clue in (f"the same table, {name}", "Nothing was changed", "target_table", f"{name}-encrypted"):
        assert clue in message


def other_keys(emulator: Emulator, table: str) -> None:
    create_table(
        emulator,
        table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
    )


def foreign_items(emulator: Emulator, table: str) -> None:
    create_table(emulator, table, [item(1)])


@pytest.mark.parametrize(
    ("prepare", "cause"),
    [(other_keys, "another key schema"), (foreign_items, "holds items that this migration did not write")],
)
def test_a_target_that_is_somebody_elses(
    slow_emulator: Emulator, name: str, prepare: Callable[[Emulator, str], None], cause: str
) -> None:
    create_table(slow_emulator, name)
    prepare(slow_emulator, f"{name}-encrypted")
    message = refusal_without_a_trace(slow_emulator, lambda: migrate(slow_emulator, name))
    for clue in (f"{name}-encrypted", cause, "Nothing was changed", "target_table"):
        assert clue in message


def disabled(kms: Any, key: str) -> str:
    kms.disable_key(KeyId=key)
    return key


def deleted(kms: Any, key: str) -> str:
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return key


def unknown(kms: Any, key: str) -> str:
    return "alias/nobody"


def missing(kms: Any, key: str) -> str:
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    return str(metadata["Arn"]).replace(key, "00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (unknown, "no such key"),
        (missing, "no such key"),
        (disabled, "its state is Disabled"),
        (deleted, "its state is PendingDeletion"),
    ],
)
def test_a_key_that_cannot_be_used(
    slow_emulator: Emulator, name: str, make: Callable[[Any, str], str], cause: str
) -> None:
    create_table(slow_emulator, name)
    kms = slow_emulator.client("kms")
    key = make(kms, kms.create_key()["KeyMetadata"]["KeyId"])
    message = refusal_without_a_trace(slow_emulator, lambda: migrate(slow_emulator, name, "-e", f"kms_key={key}"))
    for clue in (f"{name}-encrypted", key, cause, "Nothing was changed", "kms list-aliases"):
        assert clue in message


def test_two_consumers_already_on_the_stream(slow_emulator: Emulator, name: str) -> None:
    create_table(
        slow_emulator, name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    functions = slow_emulator.client("lambda")
    for consumer in ("search", "billing"):
        functions.create_function(
            FunctionName=consumer,
            Runtime="python3.13",
            Role=f"arn:aws:iam::123456789012:role/{consumer}",
            Handler="index.handler",
            Code={"ZipFile": packed({"replicator.py": b"def handler(event, context): pass"})},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=consumer)
        functions.create_event_source_mapping(
            FunctionName=consumer,
            EventSourceArn=describe(slow_emulator, name)["LatestStreamArn"],
            StartingPosition="TRIM_HORIZON",
            Enabled=False,
        )
    wait_for("the mappings to settle", lambda: mapping_states(slow_emulator) == {"Disabled"})
    message = refusal_without_a_trace(slow_emulator, lambda: migrate(slow_emulator, name))
    for clue in (name, "2 consumers already (billing, search)", "Nothing was changed", "Detach one"):
        assert clue in message


def mapping_states(emulator: Emulator) -> set[str]:
    mappings = emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return {mapping["State"] for mapping in mappings}
