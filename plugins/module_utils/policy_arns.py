# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's resource policy without the fence, for another table, and whether two mean the same.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import SID, meaning, without_fence

Document = dict[str, Any]


def document_of(text: str | None) -> Document | None:
    """Return a policy as data, without Sealift's own statement; None where nothing is left."""
    rest = without_fence(text)
    document: Document | None = json.loads(rest) if rest else None
    return document


def for_table(document: Document, source_arn: str, target_arn: str) -> Document:
    """Return a policy in which every ARN of the source, of its indexes and streams is the target's.

    A table whose name only begins like the source's is another one.
    """
    pattern = re.compile(re.escape(source_arn) + r"(?![A-Za-z0-9_.-])")
    rewritten: Document = _rewritten(document, pattern, target_arn)
    return rewritten


def _rewritten(value: Any, pattern: re.Pattern[str], target_arn: str) -> Any:
    if isinstance(value, dict):
        return {name: _rewritten(each, pattern, target_arn) for name, each in value.items()}
    if isinstance(value, list):
        return [_rewritten(each, pattern, target_arn) for each in value]
    return pattern.sub(lambda _match: target_arn, value) if isinstance(value, str) else value


def same_policy(left: Document | None, right: Document | None) -> bool:
    """Tell whether two policies say the same, in whatever order and form."""
    return _said(left) == _said(right)


def _said(document: Document | None) -> Any:
    if document is None:
        return None
    said = [json.dumps(meaning(statement), sort_keys=True) for statement in _statements(document)]
    return document.get("Version"), sorted(said)


def _statements(document: Document) -> list[Document]:
    statements = document.get("Statement", [])
    return [statements] if isinstance(statements, dict) else list(statements)


def policy_text(document: Document | None, present: str | None) -> str | None:
    """Return the text of a policy that keeps the fence of the one that is there, None for no policy."""
    fences = [each for each in _statements(json.loads(present)) if each.get("Sid") == SID] if present else []
    if not fences:
        return None if document is None else _text(document)
    if document is None:
        return _text({"Version": "2012-10-17", "Statement": fences[0]})
    # Where the fence stands tells how the policy was before: see policy.py.
    listed = isinstance(document["Statement"], list)
    statements = document["Statement"] + fences if listed else [*fences, document["Statement"]]
    return _text(document | {"Statement": statements})


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))


def denies(document: Document | None) -> bool:
    """Tell whether a policy refuses anything to anybody."""
    return any(each.get("Effect") == "Deny" for each in _statements(document or {}))
