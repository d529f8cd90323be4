# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A random table, random writers, the whole life of a migration by the real playbook, and everything that goes wrong.

    python -m tests.torture --seed 7 --minutes 3
    python -m tests.torture --seeds 1..20 --minutes 3 --json series.json
    python -m tests.torture.table series.json

plan.py makes the plan of a run from its seed; life.py carries it out; weather.py makes the faults; commands.py runs
the commands, kills them and runs them again; checks.py judges what is left.
"""
