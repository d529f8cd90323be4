# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that ministack has as constants of its own."""

from ministack import app
from ministack.services import dynamodb, lambda_svc

from tests.emulator.state import STATE


def apply() -> None:
    dynamodb._STREAM_RETENTION_SECONDS = STATE.settings.retention_seconds
    app.AUTH = STATE.settings.enforce_iam
    # A function is Pending, or its update InProgress, for so long.
    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = STATE.settings.transition_seconds
