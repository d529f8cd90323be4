# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Lambda refuses of a mapping on a DynamoDB stream."""

from typing import Any

from tests.emulator.answers import Answer, refusal

# The member, its least and its greatest value.
_RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "MaximumRetryAttempts": (-1, 10_000),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
    "ParallelizationFactor": (1, 10),
    "TumblingWindowInSeconds": (0, 900),
}
_LEAST_AGE = 60
_LARGEST_BATCH_WITHOUT_WINDOW = 10


def refused_settings(data: dict[str, Any], present: dict[str, Any]) -> Answer | None:
    """`present` is what the mapping has already."""
    for member, (least, greatest) in _RANGES.items():
        value = data.get(member)
        if value is None or least <= value <= greatest:
            continue
        bound = f"less than or equal to {greatest}" if value > greatest else f"greater than or equal to {least}"
        name = member[0].lower() + member[1:]
        return refusal(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must have value {bound}",
        )
    return _refused_combination(data, present)


def _refused_combination(data: dict[str, Any], present: dict[str, Any]) -> Answer | None:
    age = data.get("MaximumRecordAgeInSeconds")
    if age is not None and 0 <= age < _LEAST_AGE:
        return invalid("MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.")
    if unknown := set(data.get("FunctionResponseTypes") or ()) - {"ReportBatchItemFailures"}:
        return invalid(f"Unsupported function response type: {sorted(unknown)}")
    if data.get("ScalingConfig"):
        return invalid("ScalingConfig is only supported for Amazon SQS event sources.")
    window = data.get("MaximumBatchingWindowInSeconds", present.get("MaximumBatchingWindowInSeconds", 0))
    # Lambda's own default of 100 without a window is not asked for, so it is let through, as on AWS.
    if (data.get("BatchSize") or 0) > _LARGEST_BATCH_WITHOUT_WINDOW and window == 0:
        return invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    return None


def refused_start(data: dict[str, Any]) -> Answer | None:
    position = data.get("StartingPosition")
    if position in ("TRIM_HORIZON", "LATEST"):
        return None
    if position is None:
        return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
                       "Member must not be null.")  # fmt: skip
    return invalid(f"Unsupported starting position for stream type: {position}")


def invalid(message: str) -> Answer:
    return refusal("InvalidParameterValueException", message)
