"""Runs scenarios side by side: each worker is a process with a network of its own, which it removes however it ends.
Those that must be alone come last, one after another, and with them what failed beside others: the machine may have been
too busy for it, which a failure alone rules out."""
import collections
import multiprocessing
import multiprocessing.connection
import signal
import sys
import time

from .lab import Lab
from .network import remove_leftovers
from .processes import end_with_the_parent

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REMOVING_S = 12  # what a worker gets for it before it is killed, and its network removed from here

Outcome = collections.namedtuple("Outcome", "scenario good seconds text")


def _run_one(lab, scenario):
    began = time.monotonic()
    try:
        lab.calm()
        if scenario.needs:
            lab.start_programs()
        text, good = scenario.function(lab) or "", True
    except AssertionError as why:
        text, good = str(why), False
    except Exception as why:  # a broken scenario fails alone, the others still tell something
        text, good = f"{type(why).__name__}: {why}", False
    return good, time.monotonic() - began, text


def _work(scenarios, build_dir, keep, tag, pipe):
    """A worker's life: it is told numbers of scenarios, and answers how each went; None ends it."""
    for number in ENDING:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    end_with_the_parent(signal.SIGTERM)
    lab = Lab(build_dir, keep, tag)
    try:
        lab.build()
        for number in iter(pipe.recv, None):
            pipe.send(_run_one(lab, scenarios[number]))
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        lab.remove()
    if keep:
        print(f"logs are in {lab.directory}", flush=True)


class Worker:
    def __init__(self, scenarios, build_dir, keep, tag):
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(scenarios, build_dir, keep, tag, theirs))
        self.process.start()
        theirs.close()  # so that its end is seen here

    def leave(self):
        """Asks it to end when it has done what it does."""
        try:
            self.pipe.send(None)
        except OSError:
            pass

    def end(self):
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(REMOVING_S)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def _share_out(workers, numbers, scenarios, report):
    """Gives each worker another scenario as soon as it has none. Workers that end are taken from the list; what they were
    at, and what nobody is left for, has failed."""
    waiting, doing = collections.deque(numbers), {}
    idle = list(workers)
    while waiting or doing:
        while idle and waiting:
            worker, number = idle.pop(0), waiting.popleft()
            doing[worker.pipe] = worker, number, time.monotonic()
            try:
                worker.pipe.send(number)
            except OSError:
                pass  # has ended; it is read from its pipe below
        if not doing:
            report(Outcome(scenarios[waiting.popleft()], False, 0.0, "not run: no worker is left"))
            continue
        for pipe in multiprocessing.connection.wait(list(doing)):
            worker, number, began = doing.pop(pipe)
            try:
                report(Outcome(scenarios[number], *pipe.recv()))
                idle.append(worker)
            except (EOFError, ConnectionError):
                report(Outcome(scenarios[number], False, time.monotonic() - began, "its worker ended"))
                workers.remove(worker)


def run(scenarios, build_dir, keep, jobs, tag, report, report_busy):
    """Calls `report` with an Outcome as each scenario ends, `report_busy` with one that is run again alone."""
    remove_leftovers()
    together = [n for n, one in enumerate(scenarios) if not one.alone]
    together.sort(key=lambda n: not scenarios[n].first)
    alone = [n for n, one in enumerate(scenarios) if one.alone]
    jobs = max(1, min(jobs, len(together)))
    all_workers = [Worker(scenarios, build_dir, keep, f"{tag}-{n}") for n in range(1, jobs + 1)]
    workers = list(all_workers)

    def report_together(outcome):
        if outcome.good or jobs == 1:
            report(outcome)
            return
        report_busy(outcome)
        alone.append(next(n for n in together if scenarios[n] is outcome.scenario))

    try:
        _share_out(workers, together, scenarios, report_together)
        if alone:
            for worker in workers[1:]:
                worker.leave()
                worker.process.join()
            del workers[1:]
            _share_out(workers, alone, scenarios, report)
        for worker in workers:
            worker.leave()
            worker.process.join()
    finally:
        for worker in all_workers:
            worker.end()
        remove_leftovers()
