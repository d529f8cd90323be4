# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's encryption at rest: its key is changed in place, which takes time and is limited.

While the key changes, the table stays ACTIVE and its SSEDescription is UPDATING: with the old key first, then with the
new one. Only the very ARN of the present key is refused as no change; its alias or id begins a change that counts.
As recorded on AWS by the ACK project's API laboratory (its findings DDB-TABLE-065, -081, -140, -141 and -371), and the
limit as documented: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-encryption
"""

import time
from datetime import UTC, datetime
from typing import Any

from ministack.services import dynamodb

from tests.emulator.answers import Answer, refusal
from tests.emulator.patches import kms
from tests.emulator.state import STATE

_INVALID = "One or more parameter values were invalid: "
_BUSY = "Attempt to change a resource which is still in use: Server-Side Encryption is still being updated"

_CHANGES = "_encryption_changes"
_UNDER_WAY = "_encryption_under_way"
_FREE_CHANGES = 4
_WINDOW_SECONDS = 24 * 3600

# For how much of a change the old key is shown.
_OLD_KEY_SHARE = 0.4

Table = dict[str, Any]
Wanted = dict[str, Any]


def refused_creation(data: dict[str, Any]) -> Answer | None:
    wanted = data.get("SSESpecification") or {}
    return _malformed(wanted) or _unusable_key(wanted)


def refused_change(table: Table, data: dict[str, Any]) -> Answer | None:
    """What AWS says to an UpdateTable that asks for another key, in its order: the limit comes before the key."""
    wanted = data.get("SSESpecification")
    if wanted is None:
        return None
    others = set(data) - {"TableName", "SSESpecification", "AttributeDefinitions"}
    if others:
        text = "Server-Side Encryption modification must be the only operation in the request"
        return refusal("ValidationException", _INVALID + text)
    return _malformed(wanted) or _busy(table, wanted) or _too_often(table, wanted) or _refused_key(table, wanted)


def with_key_arn(data: dict[str, Any]) -> dict[str, Any]:
    """The request with its key's id or alias resolved, as DynamoDB does once and for all."""
    wanted = data.get("SSESpecification") or {}
    if not wanted.get("Enabled") or not wanted.get("KMSMasterKeyId"):
        return data
    arn, _refused = kms.table_key(wanted["KMSMasterKeyId"])
    return {**data, "SSESpecification": {**wanted, "KMSMasterKeyId": arn}}


def begin(table: Table, wanted: Wanted | None) -> None:
    """A table has its key from the beginning."""
    table["SSEDescription"] = _described("ENABLED", _key_arn(wanted or {}))


def begin_change(table: Table, before: dict[str, Any] | None, wanted: Wanted) -> None:
    """Change a table's key, of which ministack has no memory any more: before is its SSEDescription."""
    if is_changing(table):
        table["SSEDescription"] = before
        return
    table.setdefault(_CHANGES, []).append(time.time())
    old, new = (before or {}).get("KMSMasterKeyArn"), _key_arn(wanted)
    table[_UNDER_WAY] = dict(wanted)
    table["SSEDescription"] = _described("UPDATING", old)
    seconds = STATE.settings.transition_seconds

    def show_new_key() -> None:
        table["SSEDescription"] = _described("UPDATING", new)

    def end() -> None:
        table.pop(_UNDER_WAY, None)
        table["SSEDescription"] = _described("ENABLED", new) if new else None

    STATE.transitions.after(seconds * _OLD_KEY_SHARE, show_new_key)
    STATE.transitions.after(seconds, end)


def is_changing(table: Table) -> bool:
    return _UNDER_WAY in table


def busy() -> Answer:
    return refusal("ResourceInUseException", _BUSY)


def inaccessible_key(table: Table) -> Answer | None:
    """The refusal of a table's data while its key cannot be used."""
    arn = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    key = kms.resolve_key(arn) if arn else None
    return kms.unusable(key) if key else None


def _described(status: str, arn: str | None) -> dict[str, Any] | None:
    """A table without a description has a key that AWS owns."""
    if arn:
        return {"Status": status, "SSEType": "KMS", "KMSMasterKeyArn": arn}
    return {"Status": status} if status == "UPDATING" else None


def _key_arn(wanted: Wanted) -> str | None:
    if not wanted.get("Enabled"):
        return None
    return wanted.get("KMSMasterKeyId") or kms.managed_key_arn()


def _malformed(wanted: Wanted) -> Answer | None:
    text = ""
    if wanted and not wanted.get("Enabled"):
        member = next((name for name in ("SSEType", "KMSMasterKeyId") if wanted.get(name)), None)
        text = f"{member} can not be specified if Enabled is false" if member else ""
    elif wanted.get("KMSMasterKeyId") and wanted.get("SSEType") != "KMS":
        text = "SSEType KMS is required if KMSMasterKeyId is specified"
    return refusal("ValidationException", _INVALID + text) if text else None


def _unusable_key(wanted: Wanted) -> Answer | None:
    if not wanted.get("Enabled") or not wanted.get("KMSMasterKeyId"):
        return None
    return kms.table_key(wanted["KMSMasterKeyId"])[1]


def _busy(table: Table, wanted: Wanted) -> Answer | None:
    return busy() if is_changing(table) and table[_UNDER_WAY] != _resolved(wanted) else None


def _resolved(wanted: Wanted) -> Wanted:
    resolved: Wanted = with_key_arn({"SSESpecification": wanted})["SSESpecification"]
    return resolved


def _too_often(table: Table, wanted: Wanted) -> Answer | None:
    changes: list[float] = table.setdefault(_CHANGES, [])
    now = time.time()
    if changes and now > changes[0] + _WINDOW_SECONDS:
        changes.clear()
    between = STATE.settings.encryption_change_seconds
    # Back to a key that AWS owns is always allowed, and counts.
    if not wanted.get("Enabled") or is_changing(table) or len(changes) < _FREE_CHANGES or now >= changes[-1] + between:
        return None
    end, last, following = (_moment(at) for at in (changes[0] + _WINDOW_SECONDS, changes[-1], changes[-1] + between))
    return refusal(
        "LimitExceededException",
        f"Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at {end}. After the "
        f"first {_FREE_CHANGES} change, each subsequent change in the same window can be performed at most once every "
        f"{between:.0f} seconds. Number of updates today: {len(changes)}. Last change at {last}. Next changes can be "
        f"made at {following}.",
    )


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refused_key(table: Table, wanted: Wanted) -> Answer | None:
    present = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    if not wanted.get("Enabled"):
        text = "" if present or is_changing(table) else f"{_INVALID}Table is already encrypted by default"
        return refusal("ValidationException", text) if text else None
    reference = wanted.get("KMSMasterKeyId")
    if refused := _unusable_key(wanted):
        return refused
    if reference and reference == present and not is_changing(table):
        text = (
            f"{_INVALID}Table is already encrypted with given KMSMasterKeyId. "
            "Use KMSMasterKeyId parameter if you want to change Master Key"
        )
        return refusal("ValidationException", text)
    if reference and dynamodb._replica_group(table):
        # https://github.com/hashicorp/terraform-provider-aws/issues/21726
        text = (
            "Invalid operation: Customer Managed CMKs on Global Table Version 2019.11.21 replicas cannot be updated "
            "through SSESpecification parameter and can only be updated through ReplicaUpdates parameter"
        )
        return refusal("ValidationException", text)
    return None
