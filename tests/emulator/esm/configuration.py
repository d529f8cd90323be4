# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mapping's configuration, as its poller uses it from one (re)start to the next."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Configuration:
    uuid: str
    account: str
    region: str
    source: str
    function: str
    qualifier: str | None
    starting_position: str
    batch_size: int
    window_seconds: float
    lanes: int
    maximum_retry_attempts: int
    maximum_record_age: int
    bisect: bool
    partial_failures: bool
    destination: str | None
    filters: dict[str, Any]
    event_count_metrics: bool

    @classmethod
    def of(cls, mapping: dict[str, Any], account: str, region: str) -> Self:
        metrics = mapping.get("MetricsConfig") or {}
        return cls(
            uuid=mapping["UUID"],
            account=account,
            region=region,
            source=mapping["EventSourceArn"],
            function=mapping["FunctionName"],
            qualifier=mapping.get("Qualifier"),
            starting_position=mapping["StartingPosition"],
            batch_size=mapping["BatchSize"],
            window_seconds=float(mapping["MaximumBatchingWindowInSeconds"]),
            lanes=mapping["ParallelizationFactor"],
            maximum_retry_attempts=mapping["MaximumRetryAttempts"],
            maximum_record_age=mapping["MaximumRecordAgeInSeconds"],
            bisect=mapping["BisectBatchOnFunctionError"],
            partial_failures="ReportBatchItemFailures" in mapping["FunctionResponseTypes"],
            destination=((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"),
            filters=mapping.get("FilterCriteria") or {},
            event_count_metrics="EventCount" in (metrics.get("Metrics") or []),
        )
