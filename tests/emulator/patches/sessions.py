# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of roles end, and then they are refused: else they would be taken for another account's credentials."""

import time
from typing import Any

from ministack import app
from ministack.core.iam_actions import access_denied_response
from ministack.core.router import detect_service, extract_access_key_id
from ministack.services import sts

from tests.emulator.answers import Answer
from tests.emulator.state import STATE

_register_session = sts.register_session
_future = sts._future


def apply() -> None:
    sts.register_session = register_session
    sts._future = lambda seconds: _future(min(seconds, int(STATE.settings.session_seconds)))
    # One that is forgotten could not be refused.
    sts._evict_expired_sessions = lambda: None


def register_session(access_key: str, session: dict[str, Any]) -> None:
    if "Expiration" in session:
        session["Expiration"] = min(session["Expiration"], time.time() + STATE.settings.session_seconds)
    _register_session(access_key, session)


def end_all() -> None:
    """Let the sessions that there are now end; a function's has no end, since Lambda renews it."""
    for session in sts._sessions.values():
        if "Expiration" in session:
            session["Expiration"] = time.time()


def refused(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]], request_id: str
) -> Answer | None:
    """The refusal of a request that is signed with the credentials of a session that has ended."""
    session = sts._sessions.get(extract_access_key_id(headers, query) or "")
    if session is None or not sts._session_expired(session):
        return None
    service = detect_service(method, path, headers, app._routing_params(method, path, headers, body, query))
    text = "The security token included in the request is expired"
    answer: Answer = access_denied_response(
        service, "", "", request_id, error_code="ExpiredTokenException", message=text, headers=headers
    )
    return answer
