"""The smoke eval: a short, real run of the loaded model that catches broken releases."""

from hfver.smoke.running import examine, run_smoke
from hfver.smoke.tasks import SmokeTask, TaskResult, find_task

__all__ = ["SmokeTask", "TaskResult", "examine", "find_task", "run_smoke"]
