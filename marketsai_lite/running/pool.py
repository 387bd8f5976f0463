"""Workers that do jobs for one who waits for the answers: in this process, or on a Ray cluster.

A job holds all that its answer depends on, and answers come in the order of the jobs.  So it does
not matter where a job is done, how fast, or how often it was begun: the numbers are the same here,
on a cluster, and on a cluster that loses a machine.  Work that is under way is work on old orders:
with n jobs in the pool an answer is n - 1 answers old when it comes.
"""

from collections import deque
from collections.abc import Callable
from itertools import cycle
from typing import Any

from marketsai_lite.require import require

Job = dict[str, Any]


def pool(make: Callable[[], Callable[[Job], Any]], workers: int, cluster: bool = False) -> "Pool":
    """Return a pool whose workers do ``make()(job)``.

    Parameters
    ----------
    make : callable
        Makes what does the jobs, once in each worker.
    workers : int
        Processes on the cluster; this process is alone.
    cluster : bool
        Work on Ray: on the cluster that ``ray.init`` has joined, or on one it starts here.

    Raises
    ------
    ValueError
        If `workers` is not a positive integer.
    ImportError
        If `cluster` is asked for and Ray is not installed.
    """
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    require(workers=(workers, whole and workers >= 1, "an integer, at least 1"))
    return RayPool(make, workers) if cluster else Pool(make)


class Pool:
    """A worker in this process, who works when an answer is wanted.

    Attributes
    ----------
    jobs : deque of dict
        Those whose answers have not been taken, oldest first.
    """

    def __init__(self, make):
        self.work = make()
        self.jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Put a job behind the others."""
        self.jobs.append(job)

    def next(self) -> Any:
        """Wait for the answer to the oldest job."""
        answer = self._answer()
        self.jobs.popleft()
        return answer

    def state_dict(self) -> dict[str, list[Job]]:
        """What a checkpoint keeps: the jobs, to be done again."""
        return {"jobs": list(self.jobs)}

    def load_state_dict(self, saved) -> None:
        """Take up where a checkpoint left off."""
        for job in saved["jobs"]:
            self.submit(job)

    def _answer(self):
        return self.work(self.jobs[0])


class RayPool(Pool):
    """Workers that are Ray actors, spread over the nodes of a cluster.

    A worker that is lost with its node is made again on another, and its jobs are done again.
    """

    def __init__(self, make, workers):
        try:
            import ray
        except ImportError as error:
            raise ImportError("a cluster needs Ray: pip install 'marketsai-lite[ray]'") from error
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False)
        lasting = {"max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": "SPREAD"}
        actor = ray.remote(**lasting)(Worker)
        self.get = ray.get
        self.jobs, self.answers = deque(), deque[Any]()
        self.workers = [actor.remote(make) for _ in range(workers)]
        self.turn = cycle(self.workers)

    def submit(self, job: Job) -> None:
        """Put a job behind the others."""
        super().submit(job)
        self.answers.append(next(self.turn).do.remote(job))

    def _answer(self):
        return self.get(self.answers.popleft())


class Worker:
    """What stands in a process of its own."""

    def __init__(self, make):
        self.work = make()

    def do(self, job):
        """Do a job."""
        return self.work(job)
