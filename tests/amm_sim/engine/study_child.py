"""A study of arithmetic in real processes, run by the tests as a script and killed by them.

Arguments: folder, paths, mode. Modes: plain; once (seed 7 kills its worker the first time); always
(seed 7 kills its worker every time).
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from amm_sim.engine.ledger import DONE, Ledger
from amm_sim.engine.study import Plan, Point, Study, Task
from amm_sim.paths import LocalPool
from amm_sim.types import PathResult


@dataclass(frozen=True)
class Work:
    folder: Path
    mode: str

    def __call__(self, task: Task) -> PathResult:
        (self.folder / f"worker-{os.getpid()}").touch()
        marker = self.folder / "struck"
        if task.seed == 7 and (
            self.mode == "always" or (self.mode == "once" and not marker.exists())
        ):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        value = hash((task.point.hash == "b", task.seed)) % 1000 / 1000
        return PathResult(*task.key, DONE, task.point.changes, metrics={"x": value}, digest="d")


def main() -> None:
    folder, paths, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    plan = Plan((Point("a", {"k": 1}), Point("b", {"k": 2})), range(1, paths + 1))
    with Ledger(folder / "ledger.jsonl") as ledger:
        study = Study(plan, ledger, Work(folder, mode), LocalPool(2), 2)
        try:
            counts = study.run()
        except KeyboardInterrupt:
            sys.exit(130)
        facts = (counts.known, counts.done, counts.failed, counts.deaths)
        sys.stdout.write(" ".join(map(str, facts)))


if __name__ == "__main__":
    main()
