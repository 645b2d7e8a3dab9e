"""Jobs -> records, in parallel: worker processes here, or a Dask cluster; one code on `concurrent.futures`."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import chain
from multiprocessing import active_children, get_context
from pathlib import Path

from rhem_lib.errors import ParameterError
from rhem_lib.runs import kernels
from rhem_lib.runs.job import Job, Record, run_job, start_worker

ANSWER_SECONDS = 15  # in which a scheduler answers


def run_jobs(jobs: Iterable[Job], target: Path, *, workers: int | str, tell: Callable = print) -> Iterator[Record]:
    """Run jobs as they are handed over; yield a record each, in the order in which they end.

    Jobs whose worker process was killed run again, last first, so that one that kills its worker every time
    does not stop the others; what is left after two rounds without a record has failed.

    Parameters
    ----------
    jobs : iterable of Job
        May still be planning while the first run.
    target : Path
        The edition's folder, on storage that all workers share.
    workers : int or str
        Worker processes on this machine; or the address of a Dask scheduler, such as tcp://host:8786.
    tell : callable
        Takes a line, and how many of how many are done.

    Raises
    ------
    ParameterError
        No scheduler answers at the address, or `distributed` is not installed.
    """
    jobs = iter(jobs)
    for first in jobs:
        jobs = chain([first], jobs)
        break
    else:
        return
    done = total = fruitless = 0
    while fruitless < 2:
        lost: list[tuple[Job, Exception]] = []
        with _executor(workers, tell) as pool:
            futures = dict(_submit(pool, jobs, target, lost))
            total = total or len(futures) + len(lost)
            for future in as_completed(futures):
                try:
                    record = future.result()
                except Exception as problem:  # the worker is gone, and each library has its own error for it
                    lost.append((futures[future], problem))
                    continue
                done += 1
                tell(_line(record, done, total), done, total)
                yield record
        if not lost:
            return
        fruitless = fruitless + 1 if len(lost) >= len(futures) else 0
        tell(f"A worker process was killed: notebooks without a result run again ({len(lost)})")
        jobs = iter([job for job, _ in lost[::-1]])
    for job, reason in lost:
        said = f"Its worker process was killed each time ({type(reason).__name__})."
        record = Record(job.kind, job.name, "failed", list(job.outputs), job.key, error=said)
        done += 1
        tell(_line(record, done, total), done, total)
        yield record


def _submit(pool: Executor, jobs: Iterator[Job], target: Path, lost: list) -> Iterator[tuple]:
    for job in jobs:
        try:
            yield pool.submit(run_job, job, str(target.resolve())), job
        except RuntimeError as problem:  # a broken pool takes no more
            lost.append((job, problem))


def _line(record: Record, done: int, total: int) -> str:
    outcome = f"{record.status} in {record.seconds:.1f} s" + (f": {record.error}" if record.error else "")
    return f"[{done}/{total}] {record.name}: {outcome}"


@contextmanager
def _executor(workers: int | str, tell: Callable) -> Iterator[Executor]:
    """Worker processes that share one parent of warm kernels, or the workers of a cluster."""
    if isinstance(workers, str):
        with _cluster(workers) as pool:
            yield pool
        return
    reason = kernels.unavailable()
    if reason:
        tell(reason)
    with kernels.warm(ordinary=bool(reason)) as manager:
        others = set(active_children())
        pool = ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (manager.place,))
        try:
            yield pool
        except BaseException:  # Ctrl-C as well
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - others:
                process.terminate()
            raise
        pool.shutdown()


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        fix = "Install it: pip install 'rhem[cluster]'."
        raise ParameterError("this needs the package distributed.", where="--workers", fix=fix) from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS)
    except (OSError, ValueError):
        fix = "Start one with `dask scheduler`, and workers with `dask worker --nthreads 1`."
        raise ParameterError(f"no scheduler answers at '{address}'.", where="--workers", fix=fix) from None
    with client:
        pool = client.get_executor(retries=1)
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False)  # cancels what has not begun
            raise
