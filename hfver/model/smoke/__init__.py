"""The smoke eval: a short, real run of the loaded model that catches broken releases."""

from hfver.model.smoke.run import examine, load_and_examine, run_smoke, run_with_goldens, use_here
from hfver.model.smoke.tasks import SmokeTask, TaskResult, find_task

__all__ = [
    "SmokeTask",
    "TaskResult",
    "examine",
    "find_task",
    "load_and_examine",
    "run_smoke",
    "run_with_goldens",
    "use_here",
]
