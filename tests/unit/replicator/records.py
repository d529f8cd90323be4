# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stream records as Lambda hands them over."""

from typing import Any

Record = dict[str, Any]


def record(number: int, key: str, *, event: str = "MODIFY", value: str | None = None, images: bool = True) -> Record:
    """Return a record; without a value the image holds the key alone."""
    keys = {"pk": {"S": key}}
    data: dict[str, Any] = {
        "ApproximateCreationDateTime": 1_700_000_000 + number,
        "Keys": keys,
        "SequenceNumber": str(number),
    }
    if images and event != "REMOVE":
        data["NewImage"] = keys if value is None else keys | {"value": {"S": value}}
    return {"eventName": event, "dynamodb": data}
