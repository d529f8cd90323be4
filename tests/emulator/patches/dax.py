# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DAX, which ministack lacks: clusters can be created, described and deleted. They serve nothing."""

import json
import sys
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, json_response

from tests.emulator.answers import Answer, refusal

_PAGE = 100

_clusters: Any = AccountRegionScopedDict()


def apply() -> None:
    router.SERVICE_PATTERNS["dax"] = {"target_prefixes": ["AmazonDAXV3"], "credential_scope": "dax"}
    iam_actions.SERVICE_TO_IAM_NAMESPACE["dax"] = "dax"
    app.SERVICE_REGISTRY["dax"] = {"module": "dax"}
    app.SERVICE_HANDLERS["dax"] = handle_request
    # Where ministack looks for what is to be reset.
    app._loaded_modules["dax"] = sys.modules[__name__]


def reset() -> None:
    _clusters.clear()


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Answer:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    data: dict[str, Any] = json.loads(body) if body else {}
    match operation:
        case "CreateCluster":
            return _create(data)
        case "DescribeClusters":
            return _describe(data)
        case "DeleteCluster":
            return _delete(data)
    return refusal("UnknownOperationException", f"the emulator has no {operation} of DAX")


def _create(data: dict[str, Any]) -> Answer:
    name = data["ClusterName"]
    if name in _clusters:
        return refusal("ClusterAlreadyExistsFault", f"Cluster already exists: {name}")
    _clusters[name] = {
        "ClusterName": name,
        "ClusterArn": f"arn:aws:dax:{get_region()}:{get_account_id()}:cache/{name}",
        "NodeType": data["NodeType"],
        "TotalNodes": data["ReplicationFactor"],
        "ActiveNodes": data["ReplicationFactor"],
        "Status": "available",
        "IamRoleArn": data["IamRoleArn"],
    }
    return json_response({"Cluster": _clusters[name]})


def _describe(data: dict[str, Any]) -> Answer:
    names = data.get("ClusterNames") or sorted(_clusters)
    if unknown := next((name for name in names if name not in _clusters), None):
        return refusal("ClusterNotFoundFault", f"Cluster {unknown} not found.")
    begin, size = int(data.get("NextToken") or 0), int(data.get("MaxResults") or _PAGE)
    answer: dict[str, Any] = {"Clusters": [_clusters[name] for name in names[begin : begin + size]]}
    if begin + size < len(names):
        answer["NextToken"] = str(begin + size)
    return json_response(answer)


def _delete(data: dict[str, Any]) -> Answer:
    cluster = _clusters.pop(data["ClusterName"], None)
    if cluster is None:
        return refusal("ClusterNotFoundFault", f"Cluster {data['ClusterName']} not found.")
    return json_response({"Cluster": {**cluster, "Status": "deleting"}})
