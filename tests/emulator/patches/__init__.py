# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ministack is not AWS. Each file mends one service; ministack's own code does the rest.

ministack looks its handlers up by their module's names at each call, so replacing a name replaces the behaviour.
"""

import asyncio

from tests.emulator.patches import (
    alarms,
    autoscaling,
    backups,
    callers,
    connections,
    consumption,
    dax,
    gateway,
    kms,
    lambda_workers,
    mappings,
    needs,
    number_sets,
    parameters,
    partiql,
    permissions,
    policies,
    reads,
    sessions,
    settings,
    simulation,
    stack_tables,
    streams,
    table_settings,
    tables,
    tagging,
    ttl,
    writes,
)
from tests.emulator.state import STATE
from tests.emulator.transitions import tick


def apply() -> asyncio.Future[None]:
    """Puts every patch in place; what is returned keeps time until it is cancelled."""
    dynamodb = (tables, ttl, backups, policies, streams, reads, writes, number_sets, consumption, partiql)
    # They forget at a reset what is theirs, and leave the rest to what was there before.
    settings_of_tables = (table_settings, autoscaling, stack_tables)
    functions = (callers, lambda_workers, mappings)
    access = (needs, permissions, simulation)
    services = (sessions, kms, *dynamodb, *settings_of_tables, *functions, alarms, parameters, tagging, dax)
    for patch in (*services, *access, connections, gateway, settings):
        patch.apply()
    return asyncio.ensure_future(tick(STATE.transitions.settle, ttl.expire_items, alarms.evaluate_all))
