# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table gets another key in place: by the playbook's tag under a live writer, and by the module in all its ways."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.live_table import Writer, create_table, describe, item, resources
from tests.e2e.playbook import migrate, module, refused
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator

MODULE = "dynamodb_encryption"
MANAGED = "alias/aws/dynamodb"
OWNED = "aws_owned"


def new_key(emulator: Emulator, alias: str | None = None, **options: Any) -> dict[str, Any]:
    kms = emulator.client("kms")
    key: dict[str, Any] = kms.create_key(**options)["KeyMetadata"]
    if alias:
        kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return key


def encryption(emulator: Emulator, table: str) -> tuple[str | None, str | None]:
    told = describe(emulator, table).get("SSEDescription", {})
    return told.get("Status"), told.get("KMSMasterKeyArn")


def change_key(emulator: Emulator, table: str, arn: str | None) -> None:
    """Change a table's key without the collection."""
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn} if arn else {"Enabled": False}
    emulator.client("dynamodb").update_table(TableName=table, SSESpecification=wanted)


@contextmanager
def updates(emulator: Emulator) -> Iterator[Callable[[], int]]:
    """How many UpdateTable there were, those that met a fault before they arrived included."""
    emulator.inject({"fault": "latency", "operation": "UpdateTable", "seconds": 0})
    yield lambda: next(rule["hits"] for rule in emulator.faults() if rule["fault"] == "latency")
    emulator.clear_faults()


def test_a_live_table_gets_a_key_of_its_owner_in_place(slow_emulator: Emulator, name: str) -> None:
    alias = f"alias/{name}"
    key = new_key(slow_emulator, alias)
    create_table(slow_emulator, name, map(item, range(50)))
    arguments = ("--tags", "rekey", "-e", f"kms_key={alias}", "--diff")
    before = resources(slow_emulator)["tables"].keys()
    with Writer(slow_emulator, name) as writer:
        preview = migrate(slow_emulator, name, *arguments, "--check").succeeded()
        assert encryption(slow_emulator, name) == (None, None)
        first = migrate(slow_emulator, name, *arguments).succeeded()
        assert encryption(slow_emulator, name) == ("ENABLED", key["Arn"])
        second = migrate(slow_emulator, name, *arguments).succeeded()
        assert writer.writes
    writer.assert_kept_by(name)
    assert (preview.changed, first.changed, second.changed) == (1, 1, 0)
    for run in (preview, first):
        for clue in ('-    "kms_key": "the AWS owned key"', f'+    "kms_key": "{key["Arn"]}"', "not the data"):
            assert clue in run.output
    assert f"Table {name} has {key['Arn']} already." in second.output
    assert resources(slow_emulator)["tables"].keys() == before == {name}


def test_every_kind_of_key_as_predicted_and_only_once(emulator: Emulator, name: str) -> None:
    alias = f"alias/{name}"
    first, second = new_key(emulator), new_key(emulator, alias)
    create_table(emulator, name)
    previous = None
    with updates(emulator) as sent:
        ways = [
            ([first["Arn"], first["KeyId"]], first["Arn"]),
            ([alias, second["KeyId"]], second["Arn"]),
            ([MANAGED], emulator.client("kms").describe_key(KeyId=MANAGED)["KeyMetadata"]["Arn"]),
            ([OWNED], None),
        ]
        for number, (names, arn) in enumerate(ways):
            predicted = module(emulator, MODULE, check=True, table=name, kms_key=names[0])
            assert sent() == number
            result = module(emulator, MODULE, table=name, kms_key=names[0])
            assert result == predicted | {"invocation": result["invocation"]}
            assert (result["changed"], result["previous_kms_key_arn"], result["kms_key_arn"]) == (True, previous, arn)
            assert encryption(emulator, name) == (("ENABLED", arn) if arn else (None, None))
            for again in names:
                assert module(emulator, MODULE, table=name, kms_key=again)["changed"] is False
            assert sent() == number + 1
            previous = arn


def test_without_waiting_the_change_is_under_way_and_the_next_run_waits_for_its_end(
    slow_emulator: Emulator, name: str
) -> None:
    key = new_key(slow_emulator)["Arn"]
    create_table(slow_emulator, name)
    result = module(slow_emulator, MODULE, table=name, kms_key=key, wait=False)
    assert (result["changed"], result["status"], result["kms_key_arn"]) == (True, "UPDATING", key)
    assert encryption(slow_emulator, name)[0] == "UPDATING"
    again = module(slow_emulator, MODULE, check=True, table=name, kms_key=key)
    assert (again["changed"], again["status"]) == (False, "ENABLED")
    assert encryption(slow_emulator, name) == ("ENABLED", key)


def test_a_change_that_takes_too_long_says_to_keep_the_old_key(slow_emulator: Emulator, name: str) -> None:
    slow_emulator.configure(transition_seconds=60)
    key = new_key(slow_emulator)["Arn"]
    slow_emulator.configure(transition_seconds=0)
    create_table(slow_emulator, name)
    slow_emulator.configure(transition_seconds=60)
    message = refused(slow_emulator, MODULE, table=name, kms_key=key, wait_timeout=1)
    for clue in (name, key, "keep the old key enabled", "Run the same command again"):
        assert clue in message


@pytest.mark.parametrize(
    ("fault", "sent_in_all"),
    [
        ({"fault": "lost_acknowledgement"}, 1),
        ({"fault": "throttle"}, 2),
        ({"fault": "error", "code": "ResourceInUseException", "status": 400}, 2),
        ({"fault": "error", "code": "InternalServerError"}, 2),
    ],
)
def test_a_request_that_fails_is_repeated_only_if_it_did_nothing(
    emulator: Emulator, name: str, fault: dict[str, Any], sent_in_all: int
) -> None:
    key = new_key(emulator)["Arn"]
    create_table(emulator, name)
    with updates(emulator) as sent:
        emulator.inject(fault | {"operation": "UpdateTable", "count": 1})
        assert module(emulator, MODULE, table=name, kms_key=key)["changed"]
        assert sent() == sent_in_all
    assert encryption(emulator, name) == ("ENABLED", key)


def test_too_many_changes_are_refused_with_the_time_to_come_back(emulator: Emulator, name: str) -> None:
    keys = [new_key(emulator)["Arn"] for _unused in range(2)]
    create_table(emulator, name)
    for number in range(4):
        change_key(emulator, name, keys[number % 2])
    message = migrate(emulator, name, "--tags", "rekey", "-e", f"kms_key={keys[0]}").refused()
    for clue in (name, "4 times in 24 hours", "once every 6 hours", "Nothing was changed", OWNED):
        assert clue in message
    assert re.search(r"again after \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message)
    assert encryption(emulator, name) == ("ENABLED", keys[1])
    assert module(emulator, MODULE, table=name, kms_key=OWNED)["changed"]


def disabled(emulator: Emulator) -> str:
    key = str(new_key(emulator)["KeyId"])
    emulator.client("kms").disable_key(KeyId=key)
    return key


def deleted(emulator: Emulator) -> str:
    key = str(new_key(emulator)["KeyId"])
    emulator.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return key


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda _unused: "alias/nobody", "no such key"),
        (disabled, "its state is Disabled"),
        (deleted, "its state is PendingDeletion"),
        (lambda emulator: new_key(emulator, KeySpec="RSA_2048")["Arn"], "symmetric keys only"),
    ],
    ids=["unknown", "disabled", "deleted", "asymmetric"],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_a_key_that_cannot_be_used_is_refused(
    emulator: Emulator, name: str, make: Callable[[Emulator], str], cause: str, check: bool
) -> None:
    create_table(emulator, name)
    key = make(emulator)
    with updates(emulator) as sent:
        message = refused(emulator, MODULE, check, table=name, kms_key=key)
        assert sent() == 0
    for clue in (name, key, cause, "Nothing was changed", "kms list-aliases"):
        assert clue in message


def test_a_table_whose_own_key_cannot_be_used_is_refused(emulator: Emulator, name: str) -> None:
    key = new_key(emulator)
    specification = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["Arn"]}
    create_table(emulator, name, SSESpecification=specification)
    emulator.client("kms").disable_key(KeyId=key["KeyId"])
    message = refused(emulator, MODULE, table=name, kms_key=MANAGED)
    for clue in ("INACCESSIBLE_ENCRYPTION_CREDENTIALS", key["Arn"], "Nothing was changed", "enable-key"):
        assert clue in message


def test_a_global_table_changes_as_a_whole_or_not_at_all(emulator: Emulator, name: str) -> None:
    create_table(emulator, name)
    create = {"Create": {"RegionName": "us-east-1"}}
    emulator.client("dynamodb").update_table(TableName=name, ReplicaUpdates=[create])
    message = refused(emulator, MODULE, check=True, table=name, kms_key=new_key(emulator)["Arn"])
    for clue in ("global table", "us-east-1", "--replica-updates", "Nothing was changed", MANAGED):
        assert clue in message
    assert module(emulator, MODULE, table=name, kms_key=MANAGED)["changed"]


def test_a_table_that_does_not_exist(emulator: Emulator) -> None:
    assert "There is no table nobody" in refused(emulator, MODULE, table="nobody", kms_key=MANAGED)


def test_a_replicating_function_is_not_locked_out(slow_emulator: Emulator, name: str) -> None:
    """In the middle of a migration the function gets the key first; then it goes on as before."""
    target, alias = f"{name}-encrypted", f"alias/{name}"
    key = new_key(slow_emulator, alias)
    create_table(slow_emulator, name)
    slow_emulator.configure(transition_seconds=0.2)
    migrate(slow_emulator, name, "--tags", "stream,clone,replicate").succeeded()
    rekey = ("--tags", "rekey", "-e", f"kms_key={alias}")
    message = migrate(slow_emulator, name, *rekey).refused()
    for clue in (name, "-forward may not use", key["Arn"], "Nothing was changed"):
        assert clue in message
    command = re.search(r"ansible-playbook sealift\.dynamodb\.migrate (.*)", message)
    assert command
    assert target in refused(slow_emulator, MODULE, check=True, table=target, kms_key=alias)
    assert encryption(slow_emulator, name) == (None, None)
    # A key that everybody in the account may use needs nothing of the function.
    assert module(slow_emulator, MODULE, check=True, table=name, kms_key=MANAGED)["changed"]

    arguments = command[1].split()
    assert arguments == ["-e", f"table={name}", "--tags", "replicate", "-e", f"kms_key={alias}"]
    assert migrate(slow_emulator, name, *arguments[2:]).succeeded().changed == 1
    assert f"The clone {target} keeps the key" in migrate(slow_emulator, name, *rekey).succeeded().output
    assert encryption(slow_emulator, name) == ("ENABLED", key["Arn"])
    assert migrate(slow_emulator, name, "--tags", "replicate").succeeded().changed == 0
    wait_for("the clone to be left alone", lambda: encryption(slow_emulator, target)[1] != key["Arn"])
