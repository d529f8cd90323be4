# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the replicating function gets from where it is, beside its origin, to its destination and to the journal.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import crosses_accounts, region_of

# The variable of the function that holds the ARN of the role that it takes on to write its destination.
ROLE_VARIABLE = "TARGET_ROLE_ARN"


def function_places(origin_arn: str, destination_arn: str, journal_arn: str, access_role_arn: str) -> dict[str, str]:
    """Return the function's environment variables about places other than its own; none where all is in one.

    :param access_role_arn: the role that it takes on in the destination's account, if that is another one.
    """
    variables = {}
    for place, arn in (("TARGET", destination_arn), ("JOURNAL", journal_arn)):
        if region_of(arn) != region_of(origin_arn):
            variables[f"{place}_REGION"] = region_of(arn)
        if crosses_accounts(arn, origin_arn):
            variables[f"{place}_ROLE_ARN"] = access_role_arn
    if ROLE_VARIABLE in variables:
        # The global endpoint's sessions are of no use in Regions that an account has to opt into:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
        variables["AWS_STS_REGIONAL_ENDPOINTS"] = "regional"
    return variables
