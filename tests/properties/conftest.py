# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many examples hypothesis draws: the same few in each run, or as many as one has time for.

make properties                            # as in `make test`
SEALIFT_PROPERTIES=thorough make properties  # others each time, and far more of them
"""

import os

from hypothesis import Phase, settings

from tests.engines.conftest import dynamodb, engine, streams

__all__ = ["dynamodb", "engine", "streams"]

# No example is kept on disk, and none has a time limit: the machine may be busy with other tests.
settings.register_profile("quick", derandomize=True, max_examples=100, database=None, deadline=None)
# A mutant is noticed with the first example that fails; nobody wants to see a small one.
settings.register_profile("mutation", settings.get_profile("quick"), phases=[Phase.generate])
settings.register_profile("thorough", max_examples=5000, database=None, deadline=None)
settings.load_profile(os.environ.get("SEALIFT_PROPERTIES", "quick"))
