# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration into another account, and into another Region, from its beginning to its end."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.live_table import Writer, contents, create_table, describe, item, resources
from tests.e2e.playbook import Run, migrate, module, playbook, refused
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator
from tests.emulator.environment import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION, Endpoint

ITEMS = 150
JOURNAL = "sealift-journal"


class Journey:
    """A table with a writer that follows it to where its migration leads it."""

    def __init__(self, here: Emulator, there: Endpoint, table: str, *arguments: str) -> None:
        self.here, self.there, self.table = here, there, table
        self.arguments = arguments
        self.address = here.folder / f"{table}.address"
        self.tasks = here.folder / f"{table}.yml"
        copy = {
            "content": "{{ [sealift_table, sealift_region, sealift_account] | to_json }}",
            "dest": str(self.address),
        }
        self.tasks.write_text(json.dumps([{"ansible.builtin.copy": copy}]))
        self.tell(table, here.region, ACCOUNT)
        create_table(here, table, map(item, range(100, 100 + ITEMS)))

    def tell(self, *address: str) -> None:
        """Say where the table is, as the user's own tasks do."""
        self.address.write_text(json.dumps(address))

    def run(self, *arguments: str) -> Run:
        """Run the playbook."""
        quick = ("straggler_minutes=0.02", f"cutover_tasks={self.tasks}", "retire_quiet_minutes=0")
        options = [word for option in quick for word in ("-e", option)]
        return migrate(self.here, self.table, *self.arguments, *options, *arguments)

    def everything(self) -> list[Any]:
        """All that a run may change, in both places."""
        return [resources(place) for place in (self.here, self.there)]


class Follower(Writer):
    """Writes where the address says, and asks again where it is refused."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._clients = {
            (place.region, account): place.client("dynamodb")
            for place, account in ((journey.here, ACCOUNT), (journey.there, _account(journey.there)))
        }
        super().__init__(journey.here, journey.table, keys=150, pause=0.1)

    def _write(self, number: int) -> None:
        while True:
            self.table, region, account = json.loads(self._journey.address.read_text())
            self._dynamodb = self._clients[region, account]
            try:
                return super()._write(number)
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDeniedException":
                    raise
            self._stopped.wait(0.05)

    def assert_kept(self, place: Endpoint, table: str) -> None:
        """Stop, and fail unless a table holds, of every key written to, what was acknowledged last."""
        self.stop()
        self.emulator = place
        self.assert_kept_by(table)


def _account(place: Endpoint) -> str:
    return str(place.client("sts").get_caller_identity()["Account"])


@pytest.fixture
def quick(emulator: Emulator) -> Emulator:
    emulator.configure(policy_change_seconds=1)
    return emulator


def operator(there: Endpoint) -> str:
    """A role in the other account that the operator may take on."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam = there.client("iam")
    document = {"Version": "2012-10-17", "Statement": [trust]}
    arn = iam.create_role(RoleName="migration", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.put_role_policy(RoleName="migration", PolicyName="all", PolicyDocument=json.dumps(document))
    return str(arn)


@pytest.mark.long
def test_into_another_account_and_region(quick: Emulator, name: str) -> None:
    """With IAM enforced: the function gets along with its own role and the small one that it takes on."""
    there = quick.elsewhere(OTHER_ACCOUNT, OTHER_REGION)
    role = operator(there)
    keys = there.client("kms")
    keys.create_alias(AliasName="alias/clone", TargetKeyId=keys.create_key()["KeyMetadata"]["KeyId"])
    quick.configure(enforce_iam=True)
    place = ("-e", f"target_region={OTHER_REGION}", "-e", f"target_role_arn={role}", "-e", "kms_key=alias/clone")
    journey, clone = Journey(quick, there, name, *place), f"{name}-encrypted"
    before = journey.everything()
    assert journey.run("--check").succeeded().changed
    assert journey.everything() == before
    with Follower(journey) as writer:
        assert journey.run("--tags", "stream,clone,replicate").succeeded().changed
        # From here on, whoever does not take on the role again and again is refused.
        quick.configure(session_seconds=4)
        assert journey.run("--tags", "seed,verify", "-e", "max_write_units=30").succeeded().changed
        quick.configure(session_seconds=3600)
        assert describe(there, clone)["TableArn"] == f"arn:aws:dynamodb:{OTHER_REGION}:{OTHER_ACCOUNT}:table/{clone}"

        assert journey.run("--tags", "cutover").succeeded().changed
        written = writer.writes
        wait_for("the writer to write to the new table", lambda: writer.writes > written + 20)
        writer.stop()
        wait_for("the way back to be kept open", lambda: contents(quick, name) == contents(there, clone))
    writer.assert_kept(there, clone)
    # Each function may write its destination by the role in that account, and nothing else.
    assert access_roles(quick) == {"reverse": [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"]}
    assert access_roles(there) == {"forward": [f"arn:aws:dynamodb:{OTHER_REGION}:{OTHER_ACCOUNT}:table/{clone}"]}
    assert journey.run("--tags", "retire", "-e", f"confirm={name}").succeeded().changed
    writer.assert_kept(there, clone)
    assert left(quick) == {"tables": [JOURNAL]}
    assert left(there) == {"tables": [clone], "roles": ["migration"]}


@pytest.mark.long
def test_into_another_region_under_the_same_name(quick: Emulator, name: str) -> None:
    there = quick.elsewhere(region=OTHER_REGION)
    journey = Journey(quick, there, name, "-e", f"target_region={OTHER_REGION}", "-e", f"target_table={name}")
    place: dict[str, Any] = {"source": name, "target": name, "target_region": OTHER_REGION}
    with Follower(journey) as writer:
        assert journey.run().succeeded().changed
        refusal = refused(quick, "dynamodb_plan", source=name, target=f"{name}-encrypted")
        assert f"is being migrated to {name} in Region {OTHER_REGION}" in refusal
        status = module(quick, "dynamodb_migration_info", **place)
        assert f"{name} -> {name} in Region {OTHER_REGION}: verify clean" in status["summary"][0]
        assert f"-e target_table={name} -e target_region={OTHER_REGION} --tags cutover" in status["next_command"]

        assert journey.run("--tags", "cutover").succeeded().changed
        written = writer.writes
        wait_for("the writer to write to the new table", lambda: writer.writes > written + 20)
        assert json.loads(journey.address.read_text()) == [name, OTHER_REGION, ACCOUNT]

        assert journey.run("--tags", "rollback").succeeded().changed
        assert json.loads(journey.address.read_text()) == [name, REGION, ACCOUNT]
        writer.stop()
        wait_for("replication to catch up", lambda: contents(quick, name) == contents(there, name))
    writer.assert_kept(quick, name)
    doomed = module(quick, "dynamodb_retire", True, **place, state="ready", remove="target", confirm=name)["msg"]
    for clue in (f"table {name}", f"function {_function(there)}"):
        assert f"{clue} in Region {OTHER_REGION}" in doomed
    assert journey.run("--tags", "abandon", "-e", f"confirm={name}").succeeded().changed
    writer.assert_kept(quick, name)
    assert left(quick) == {"tables": sorted([name, JOURNAL])}
    assert left(there) == {}


def test_the_region_of_the_variable_counts_not_that_of_the_environment(quick: Emulator, name: str) -> None:
    """For everything, also for what the modules of amazon.aws make."""
    create_table(quick, name, map(item, range(100, 110)))
    before, there = left(quick), left(quick.elsewhere(region=OTHER_REGION))
    elsewhere = {"AWS_REGION": OTHER_REGION, "AWS_DEFAULT_REGION": OTHER_REGION}

    def run(*arguments: str) -> Run:
        table = ("-e", f"table={name}", "-e", f"aws_region={REGION}")
        return playbook(quick, *table, *arguments, variables=elsewhere).succeeded()

    assert run("--tags", "stream,clone,replicate").changed
    assert len(left(quick)["functions"]) == 1
    assert run("--tags", "abandon", "-e", f"confirm={name}").changed
    assert left(quick) == before | {"tables": sorted([name, JOURNAL])}
    assert left(quick.elsewhere(region=OTHER_REGION)) == there


def _function(place: Endpoint) -> str:
    (function,) = place.client("lambda").list_functions()["Functions"]
    return str(function["FunctionName"])


def access_roles(place: Endpoint) -> dict[str, list[str]]:
    """Return what the roles that functions take on in an account may write, by direction."""
    found = {}
    iam = place.client("iam")
    for role in iam.list_roles()["Roles"]:
        function, _hyphen, kind = str(role["RoleName"]).rpartition("-")
        if kind == "access":
            policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="replication")["PolicyDocument"]
            found[function.rpartition("-")[2]] = [
                each["Resource"] for each in policy["Statement"] if each["Sid"] == "WriteTheDestination"
            ]
    return found


def left(place: Endpoint) -> dict[str, list[str]]:
    """Return the names of all that there is in a place."""
    return {kind: sorted(found) for kind, found in resources(place).items() if found}


class TestBadPlaces:
    def test_no_role_at_all(self, emulator: Emulator) -> None:
        refusal = refused(emulator, "dynamodb_plan", source="users", target="copy", target_role_arn="migration")
        assert "migration, which is no role's ARN" in refusal

    def test_a_role_that_cannot_be_taken_on(self, emulator: Emulator, name: str) -> None:
        create_table(emulator, name)
        emulator.configure(enforce_iam=True)
        role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/nobody"
        refusal = refused(emulator, "dynamodb_plan", source=name, target="copy", target_role_arn=role)
        assert f"Could not take on the role {role} (target_role_arn): access denied" in refusal
        assert "sts:AssumeRole" in refusal

    def test_a_region_that_does_not_exist(self, emulator: Emulator) -> None:
        refusal = refused(emulator, "dynamodb_plan", source="users", target="copy", target_region="eu-wset-1")
        assert "target_region is eu-wset-1, and boto3 knows no such Region" in refusal

    def test_the_own_region_by_its_name(self, emulator: Emulator) -> None:
        refusal = refused(emulator, "dynamodb_plan", source="users", target="users", target_region=REGION)
        assert "are the same table, users" in refusal
