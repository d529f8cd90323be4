# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of tables, and what protects a table from its deletion."""

from datetime import timedelta

import pytest

from tests.emulator.aws import Cloud, wait_until


def _status(cloud: Cloud, arn: str) -> str:
    described = cloud.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
    return str(described["BackupDetails"]["BackupStatus"])


def _gone(cloud: Cloud) -> bool:
    return cloud.name not in cloud.dynamodb.list_tables()["TableNames"]


def test_a_backup_is_creating_then_available_and_outlives_its_table(slow_cloud: Cloud) -> None:
    cloud = slow_cloud
    cloud.table()
    cloud.put("a")
    created = cloud.dynamodb.create_backup(TableName=cloud.name, BackupName="before")["BackupDetails"]
    arn = created["BackupArn"]
    assert (created["BackupStatus"], _status(cloud, arn)) == ("CREATING", "CREATING")
    with pytest.raises(cloud.dynamodb.exceptions.ResourceInUseException, match="being backed up"):
        cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: _status(cloud, arn) == "AVAILABLE")
    cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: _gone(cloud))
    description = cloud.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
    assert description["SourceTableDetails"]["TableName"] == cloud.name
    (listed,) = cloud.dynamodb.list_backups(TableName=cloud.name, BackupType="ALL")["BackupSummaries"]
    assert (listed["BackupArn"], listed["BackupName"], listed["BackupType"]) == (arn, "before", "USER")
    errors = cloud.dynamodb.exceptions
    with pytest.raises(errors.BackupNotFoundException):
        _status(cloud, f"{arn}0")
    with pytest.raises(errors.TableNotFoundException):
        cloud.dynamodb.create_backup(TableName=cloud.name, BackupName="after")
    cloud.dynamodb.restore_table_from_backup(TargetTableName=f"{cloud.name}-restored", BackupArn=arn)
    cloud.wait_active(f"{cloud.name}-restored")
    assert cloud.dynamodb.scan(TableName=f"{cloud.name}-restored")["Count"] == 1


@pytest.mark.parametrize("recoverable", [True, False])
def test_a_recoverable_table_leaves_a_system_backup(cloud: Cloud, recoverable: bool) -> None:
    cloud.table()
    cloud.dynamodb.update_continuous_backups(
        TableName=cloud.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recoverable}
    )
    cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: _gone(cloud))
    assert cloud.dynamodb.list_backups(TableName=cloud.name)["BackupSummaries"] == []
    backups = cloud.dynamodb.list_backups(TableName=cloud.name, BackupType="SYSTEM")["BackupSummaries"]
    assert [backup["BackupName"] for backup in backups] == [f"{cloud.name}$DeletedTableBackup"] * recoverable
    for backup in backups:
        described = cloud.dynamodb.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]["BackupDetails"]
        assert described["BackupExpiryDateTime"] - described["BackupCreationDateTime"] > timedelta(days=34)


def test_deletion_protection_is_switched_by_an_update(cloud: Cloud) -> None:
    cloud.table()
    for protected in (True, False):
        cloud.dynamodb.update_table(TableName=cloud.name, DeletionProtectionEnabled=protected)
        cloud.wait_active()
        assert cloud.describe()["DeletionProtectionEnabled"] is protected
    cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: _gone(cloud))
