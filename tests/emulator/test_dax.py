# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DAX: clusters are there when somebody has created them."""

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud

ROLE = "arn:aws:iam::123456789012:role/dax"


def test_clusters_are_listed_by_page_and_deleted(cloud: Cloud) -> None:
    dax = cloud.emulator.client("dax")
    assert dax.describe_clusters()["Clusters"] == []
    for number in range(21):
        dax.create_cluster(
            ClusterName=f"cache-{number:02d}", NodeType="dax.t3.small", ReplicationFactor=3, IamRoleArn=ROLE
        )
    pages = dax.get_paginator("describe_clusters").paginate(PaginationConfig={"PageSize": 20})
    assert [len(page["Clusters"]) for page in pages] == [20, 1]
    (cluster,) = dax.describe_clusters(ClusterNames=["cache-07"])["Clusters"]
    assert (cluster["Status"], cluster["IamRoleArn"]) == ("available", ROLE)
    with pytest.raises(dax.exceptions.ClusterAlreadyExistsFault):
        dax.create_cluster(ClusterName="cache-07", NodeType="dax.t3.small", ReplicationFactor=1, IamRoleArn=ROLE)
    dax.delete_cluster(ClusterName="cache-07")
    with pytest.raises(dax.exceptions.ClusterNotFoundFault):
        dax.describe_clusters(ClusterNames=["cache-07"])
    cloud.emulator.reset()
    assert dax.describe_clusters()["Clusters"] == []


@pytest.mark.parametrize(
    ("service", "call", "action"),
    [("dax", "describe_clusters", "dax:DescribeClusters"), ("pipes", "list_pipes", "pipes:ListPipes")],
)
def test_who_may_look_can_be_limited(cloud: Cloud, service: str, call: str, action: str) -> None:
    cloud.emulator.inject({"fault": "access_denied", "action": action})
    with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
        getattr(cloud.emulator.client(service), call)()
