# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of later stages that the plan looks at, and does nothing else with."""

from __future__ import annotations


class ModuleDocFragment:
    """What a later stage would refuse."""

    DOCUMENTATION = r"""
options:
  total_segments:
    description:
      - Into how many segments the seed will cut the table (1 to 1000000).
      - Only looked at, like O(catch_up_timeout) and O(max_lag), so that what a later stage would refuse is refused now.
    type: int
    version_added: 0.4.0
  catch_up_timeout:
    description: How long the seed will wait until replication has caught up, in seconds; at least 1.
    type: int
    version_added: 0.4.0
  max_lag:
    description: For how long two items may differ when the tables are compared, in seconds; at least 0.
    type: float
    version_added: 0.4.0
"""
