# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the application writes how often."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Self

WRITES: Mapping[str, int] = {
    "put": 26,
    "update": 24,
    "remove_attributes": 14,
    "shrink_sets": 6,
    "delete": 8,
    "recreate": 6,
    "write_batch": 3,
    "write_transaction": 3,
    "burst": 2,
    "write_with_partiql": 8,
    "write_partiql_transaction": 2,
}
SIZES: Mapping[str, int] = {"full": 940, "small": 40, "wide": 9, "deep": 9, "large": 2}


@dataclass(frozen=True)
class Mix:
    """Weights.

    :param writes: of the client's methods.
    :param sizes: of the sizes of new items: see samples.py.
    """

    writes: Mapping[str, int] = field(default_factory=lambda: dict(WRITES))
    sizes: Mapping[str, int] = field(default_factory=lambda: dict(SIZES))

    def write(self, random: Random) -> str:
        return random.choices(list(self.writes), list(self.writes.values()))[0]

    def size(self, random: Random) -> str:
        return random.choices(list(self.sizes), list(self.sizes.values()))[0]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))
