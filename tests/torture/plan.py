# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: all that its seed determines. What it can't determine is who is faster."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Self

from tests.ledger.mix import SIZES, WRITES, Mix
from tests.torture.shape import Shape
from tests.torture.weather import Gust

STAGES = ("plan", "stream", "clone", "replicate", "seed", "verify")
TABLE = "torture"
CLONE = f"{TABLE}-encrypted"
POINTER = f"/{TABLE}/table"
ALIAS = f"alias/{TABLE}"
RETIRE, ABANDON = "retire", "abandon"
# kill -9 of all that the command has started, or of the playbook alone, and credentials that expire.
KILL, KILL_PLAYBOOK, EXPIRE = "kill", "kill playbook", "expire"
# Writes a second of all writers together.
_RATE, _SHORT_RATE = 24, 12
# How many of the gusts of a short life spare the operator.
_GENTLE = 0.7


@dataclass(frozen=True)
class Interruption:
    """How a command is stopped.

    :param place: at which part of the stage's length; 0 is its beginning, 1 its end.
    """

    kind: str
    stage: str
    place: float

    @classmethod
    def drawn(cls, random: Random, stage: str) -> Self:
        kind = random.choices((KILL, KILL_PLAYBOOK, EXPIRE), (5, 2, 2))[0]
        return cls(kind, stage, round(random.random(), 2))

    def __str__(self) -> str:
        return f"{self.kind} at {self.place:.0%} of {self.stage}"


@dataclass(frozen=True)
class Step:
    """A command of the operator's, which is run until it succeeds.

    :param tag: a stage, or nothing for all those before the cutover.
    :param interruptions: of the command's first runs, one each.
    """

    tag: str
    variables: dict[str, Any] = field(default_factory=dict)
    interruptions: tuple[Interruption, ...] = ()

    def __str__(self) -> str:
        more = "".join(f" {name}={value}" for name, value in self.variables.items())
        return f"{self.tag or 'all stages'}{more}" + "".join(f", {each}" for each in self.interruptions)


@dataclass(frozen=True)
class Writers:
    """The application: some processes, each with keys of its own.

    :param rate: writes a second of each process.
    """

    processes: int
    threads: int
    keys: int
    rate: int
    mix: Mix

    @classmethod
    def drawn(cls, random: Random, items: int, rate: int) -> Self:
        """Draw them; a fifth of their keys has no item at first."""
        processes = random.choice((2, 3))
        writes = {name: max(1, round(weight * random.choice((0.2, 1, 1, 3)))) for name, weight in WRITES.items()}
        sizes = {name: max(1, round(weight * random.choice((0.2, 1, 2)))) for name, weight in SIZES.items()}
        return cls(
            processes=processes,
            threads=random.choice((2, 3)),
            keys=items * 6 // 5 // processes,
            rate=rate // processes,
            mix=Mix(writes=writes, sizes=sizes),
        )


@dataclass(frozen=True)
class Plan:
    """A run.

    :param settings: of the emulator.
    :param options: variables that every command gets.
    :param ending: retire the old table, or abandon the migration.
    :param short: whether the life has no round trip, so that it fits into a test.
    """

    seed: int
    minutes: float
    short: bool
    shape: Shape
    writers: Writers
    settings: dict[str, float]
    options: dict[str, Any]
    opening: tuple[Step, ...]
    ending: tuple[Step, ...]

    @classmethod
    def of(cls, seed: int, minutes: float, *, short: bool = False) -> Self:
        random = Random(f"{seed}/plan")
        shape = Shape.drawn(random)
        writers = Writers.drawn(random, shape.items, _SHORT_RATE if short else _RATE)
        settings = _settings(random)
        options = _options(random)
        opening, ending = _opening(random, short), _ending(random)
        return cls(seed, minutes, short, shape, writers, settings, options, opening, ending)

    @property
    def retires(self) -> bool:
        return self.ending[-1].tag == RETIRE

    def trips(self) -> Iterator[tuple[Step, ...]]:
        """The cutovers and rollbacks between opening and ending, round trip after round trip."""
        for number in itertools.count():
            yield _trip(Random(f"{self.seed}/trip/{number}"))

    def gusts(self) -> Iterator[Gust]:
        """The faults, one gust after the other."""
        random = Random(f"{self.seed}/weather")
        while True:
            yield Gust.drawn(random, gentle=self.short and random.random() < _GENTLE)

    def text(self) -> str:
        """Return what is determined, for people."""
        lines = [f"seed      {self.seed}, at least {self.minutes:g} minutes"]
        lines += [f"table     {_words(asdict(self.shape))}", f"writers   {_words(asdict(self.writers))}"]
        lines += [f"emulator  {_words(self.settings)}", f"options   {_words(self.options)}"]
        lines += [f"opening   {step}" for step in self.opening]
        if not self.short:
            lines += [f"trip      {step}" for step in next(self.trips())]
        lines += [f"ending    {step}" for step in self.ending]
        lines += [f"gust      {gust}" for gust in itertools.islice(self.gusts(), 6)]
        return "\n".join(lines)


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _settings(random: Random) -> dict[str, float]:
    return {
        "transition_seconds": random.choice((0.0, 0.3, 1.0)),
        "poller_start_seconds": random.choice((0.0, 0.5, 3.0)),
        "policy_delay_seconds": random.choice((0.0, 0.5, 1.5)),
        "policy_change_seconds": random.choice((0.0, 2.0, 5.0)),
        "mapping_stop_seconds": random.choice((0.0, 0.5, 2.0)),
        "retry_backoff_limit_seconds": random.choice((0.5, 1.0)),
    }


def _options(random: Random) -> dict[str, Any]:
    return {
        "pointers": [{"ssm_parameter": POINTER}],
        "straggler_minutes": 0.03,
        "retire_quiet_minutes": 0,
        # What a function leaves behind that was cut off is waited for.
        "replication_timeout": 12,
        "replication_parallelization_factor": random.choice((1, 2, 3)),
        "replication_batch_size": random.choice((100, 300, 1000)),
        "replication_gate_parts": random.choice((1, 1, 3)),
        "seed_workers": random.choice((1, 2, 4)),
        "seed_segments": random.choice((2, 7)),
        "kms_key": random.choice(("alias/aws/dynamodb", ALIAS)),
    }


def _opening(random: Random, short: bool) -> tuple[Step, ...]:
    count = random.randint(1, 2) if short else random.randint(3, 5)
    stages = sorted(random.sample(STAGES, count), key=STAGES.index)
    interruptions = tuple(Interruption.drawn(random, stage) for stage in stages)
    rekey = (Step("rekey", {"kms_key": ALIAS}),) if not short and random.random() < 0.3 else ()
    if short or random.random() < 0.7:
        return *rekey, Step("", interruptions=interruptions)
    return rekey + tuple(
        Step(stage, interruptions=tuple(each for each in interruptions if each.stage == stage)) for stage in STAGES
    )


def _trip(random: Random) -> tuple[Step, ...]:
    """There and back, with comparisons in between."""
    steps = []
    for move in ("cutover", "rollback"):
        if random.random() < 0.4:
            variables = {"verify_mode": random.choice(("full", "tail")), "verify_repair": random.random() < 0.3}
            steps.append(Step("verify", variables, _interruptions(random, "verify", 0.3)))
        steps.append(Step(move, interruptions=_interruptions(random, move, 0.6)))
        if random.random() < 0.2:
            steps.append(Step("status"))
    return tuple(steps)


def _ending(random: Random) -> tuple[Step, ...]:
    ending = random.choice((RETIRE, RETIRE, ABANDON))
    last = Step(ending, {"confirm": TABLE}, _interruptions(random, ending, 0.7))
    if ending == ABANDON:
        return (last,)
    return Step("cutover", interruptions=_interruptions(random, "cutover", 0.5)), last


def _interruptions(random: Random, stage: str, chance: float) -> tuple[Interruption, ...]:
    """Draw none, one or more; each as likely as the one before."""
    found: list[Interruption] = []
    while len(found) < 3 and random.random() < chance:
        found.append(Interruption.drawn(random, stage))
    return tuple(found)
