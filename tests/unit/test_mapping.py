# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping's options: which AWS takes, how they are told, what a description means."""

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import (
    MappingSpec,
    from_description,
    to_arguments,
)

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:failed"
SPEC = MappingSpec(destination=QUEUE)
OPTIONS = list(MappingSpec.__dataclass_fields__)


def described(**values: Any) -> dict[str, Any]:
    about = {
        "UUID": "u",
        "EventSourceArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/1",
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:replicator:live",
        "State": "Disabled",
    }
    return about | values


def test_a_description_of_what_was_asked_for_is_equal() -> None:
    mapping = from_description(described(**to_arguments(SPEC, OPTIONS)))
    assert mapping.spec == SPEC
    assert SPEC.differences(mapping.spec) == []
    assert mapping.function == "replicator:live"


def test_what_a_description_leaves_out_has_awss_default() -> None:
    spec = from_description(described()).spec
    assert spec == MappingSpec(
        destination=None,
        batch_size=100,
        maximum_batching_window_in_seconds=0,
        parallelization_factor=1,
        bisect_batch_on_function_error=False,
        function_response_types=(),
        metrics=(),
    )


def test_only_what_differs_is_updated() -> None:
    wanted = replace(SPEC, batch_size=10)
    assert to_arguments(wanted, wanted.differences(SPEC)) == {"BatchSize": 10}
    filtered = replace(SPEC, filters=("{}",))
    assert to_arguments(SPEC, SPEC.differences(filtered)) == {"FilterCriteria": {}}


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        ("batch_size", [1, 10_000], [0, 10_001]),
        ("maximum_batching_window_in_seconds", [1, 300], [-1, 0, 301]),
        ("parallelization_factor", [1, 10], [0, 11]),
        ("maximum_retry_attempts", [-1, 0, 10_000], [-2, 10_001]),
        ("maximum_record_age_in_seconds", [-1, 60, 604_800], [0, 59, 604_801]),
        ("destination", [QUEUE, "arn:aws-cn:sqs:cn-north-1:123456789012:q"], [None, "failed", QUEUE + ".fifo"]),
    ],
)
def test_ranges_are_awss(option: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if replace(SPEC, **{option: value}).problems()] == []
    assert [value for value in bad if not replace(SPEC, **{option: value}).problems()] == []


def test_a_small_batch_needs_no_window() -> None:
    assert replace(SPEC, batch_size=10, maximum_batching_window_in_seconds=0).problems() == []
    assert "at least 1" in replace(SPEC, batch_size=11, maximum_batching_window_in_seconds=0).problems()[0]
