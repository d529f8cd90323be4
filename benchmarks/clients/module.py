# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one of the collection's modules, as Ansible would, without Ansible around it.

Usage: python -m benchmarks.clients.module dynamodb_backfill '{"source": "a", "target": "b"}'
"""

from __future__ import annotations

import importlib
import json
import sys

from ansible.module_utils.testing import patch_module_args


def main(module: str, arguments: str) -> None:
    with patch_module_args(json.loads(arguments)):
        importlib.import_module(f"ansible_collections.sealift.dynamodb.plugins.modules.{module}").main()


if __name__ == "__main__":
    main(*sys.argv[1:])
