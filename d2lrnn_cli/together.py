"""Start the workers of a training, watch them, and end them all together.

``python -m d2lrnn_cli.together --workers 2 -- python SCRIPT`` does this for a
script that gives ``together=d2lrnn.Workers()`` to ``d2lrnn.fit``.
"""
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Annotated

from typer import Argument, BadParameter, Exit, Option, Typer

from d2lrnn_cli.machine import machine
from d2lrnn_cli.meeting import (
    Meeting,
    TogetherError,
    address_of,
    free_port,
    is_name,
    own_address,
)
from d2lrnn_cli.streams import fitted

__all__ = ["D2LRNN", "At", "MaxRestarts", "Rank", "Workers", "is_worker",
           "launch"]

POLL = 0.05  # seconds between two looks at the processes
GRACE = 2  # seconds for another worker to say itself what went wrong
LEAVING = 60  # seconds for workers that were asked to stop
MOST = 8  # workers on a machine with few cores
STOPS = tuple(getattr(signal, name) for name in (
    "SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
SERVER = [sys.executable, "-c", "import d2lrnn"]  # its role makes it serve
# the command d2lrnn, as a worker: Ctrl-C ends it without a traceback while it
# is imported, too; before, the signal waits
D2LRNN = [sys.executable, "-c", r"""import os, signal

def stop(*_):
    os.write(2, b"d2lrnn: stopped\n")
    os._exit(130)

signal.signal(signal.SIGINT, stop)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
from d2lrnn_cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()"""]

Workers = Annotated[int, Option(
    metavar="N", envvar="D2LRNN_WORKERS", min=1, max=1000,
    help="Processes that train together, for several machines; on one, "
    "threads do as well.")]
Rank = Annotated[int | None, Option(
    metavar="N", envvar="D2LRNN_RANK", min=0, show_default="all of them here",
    help="This machine's worker, from 0: run the same command on each.")]
At = Annotated[str | None, Option(
    metavar="HOST:PORT", envvar="D2LRNN_AT",
    help="Where worker 0 listens, on a trusted network.")]
MaxRestarts = Annotated[int, Option(
    metavar="N", min=0, help="Go on from the last checkpoint by itself, N "
    "times at most.")]


def is_worker():
    """Return whether ``launch`` has started this process."""
    return "D2LRNN_TOGETHER" in os.environ


def launch(command, again, go_on, workers, rank, at, max_restarts):
    """Run a command as the workers of a training; return the exit code.

    ``again`` is the command that continues it, and ``go_on()`` says how to.
    All workers run here, unless ``rank`` is the one that does.
    """
    host, port = where(rank, at, workers)
    with stop_signals() as stops:
        for attempt in range(max_restarts + 1):
            meeting = None
            try:
                meeting = Meeting(workers, rank, host, port) if at else None
                attend(command, meeting, workers, rank, host, stops)
                return 0
            except TogetherError as error:
                goes_on = error.again and attempt < max_restarts and (
                    not stops)
                report(error, meeting, "going on from the last checkpoint"
                       if goes_on else go_on())
                if not goes_on:
                    return error.code
                command = again
            finally:
                if meeting:
                    meeting.close()


def report(error, meeting, what_next):
    """Tell the other machines, and the user, why a training has ended."""
    sentence, was_asked = str(error), error.code - 128 in STOPS
    if meeting and was_asked and not sentence:
        meeting.tell(stopped=error.code)
        if meeting.rank:  # what was saved is said where worker 0 is
            sentence = "stopped"
    elif meeting:
        meeting.tell(end=f"worker {meeting.rank} was stopped" if was_asked
                     else sentence or f"worker {meeting.rank} has failed",
                     again=error.again)
    if error.again:
        sentence += f", so all were ended: {what_next}"
    if sentence:
        print(fitted(f"d2lrnn: {sentence}", sys.stderr), file=sys.stderr,
              flush=True)


def where(rank, at, workers):
    """Return the host and the port of worker 0, after checking the options."""
    if rank is None and at is None:
        cores = machine.num_cores()
        if workers > max(MOST, cores):
            raise BadParameter(
                f"{workers} are too many for the {cores} cores of one "
                f"machine: give --rank and --at on each of several",
                param_hint="--workers")
        return "127.0.0.1", None
    if rank is None or at is None:
        raise BadParameter("give both --rank and --at, or neither",
                           param_hint="--rank")
    if rank >= workers:
        raise BadParameter(f"{rank} is too high for {workers} workers, which "
                           f"count from 0", param_hint="--rank")
    host, _, port = at.rpartition(":")
    if host == "0.0.0.0":
        raise BadParameter("0.0.0.0 is any address of this machine: give the "
                           "one that the others reach", param_hint="--at")
    if not is_name(host) or not port.isdecimal() or not (
            0 < int(port) < 65536):
        raise BadParameter(f"{at!r} is not an address such as 10.0.0.1:9187",
                           param_hint="--at")
    return host, int(port)


@contextmanager
def stop_signals():
    """Collect the signals that ask to stop, instead of ending at once."""
    stops = []
    before = {number: signal.getsignal(number) for number in STOPS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup does
            signal.signal(number, lambda number, _: stops.append(number))
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def attend(command, meeting, workers, rank, host, stops):
    """Train once: meet the other machines, run the processes, end them.

    Raise ``TogetherError`` if anything fails.
    """
    port = free_port(host) if meeting is None else (
        yield_until(meeting.gather(), stops))
    crew = []
    try:
        environment = shared_environment(host, port, workers, rank)
        if not rank:
            for role in ("scheduler", "server"):
                crew.append(start(role, SERVER, environment))
        for own in range(workers) if rank is None else [rank]:
            crew.append(start_worker(own, command, environment))
        watch(crew, meeting, stops)
    finally:
        end(crew)


def yield_until(steps, stops):
    """Return what a generator returns, unless a signal asks to stop."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        if stops:
            raise TogetherError("stopped", code=128 + stops[0])
        time.sleep(POLL)


def shared_environment(host, port, workers, rank):
    """Return the variables that all processes of a training are given."""
    environment = {**os.environ, "D2LRNN_TOGETHER": "1",
                   "D2LRNN_WORKERS": str(workers),
                   "DMLC_PS_ROOT_URI": address_of(host),
                   "DMLC_PS_ROOT_PORT": str(port),
                   "DMLC_NUM_WORKER": str(workers), "DMLC_NUM_SERVER": "1"}
    environment.setdefault("DMLC_NODE_HOST", own_address(host))
    if rank is None:  # the workers share this machine's cores
        environment.setdefault("OMP_NUM_THREADS",
                               str(max(1, machine.num_cores() // workers)))
    return environment


def start(role, command, environment, **streams):
    """Return a process that ends when this one does, whatever ends it.

    It has a session of its own, so that Ctrl-C reaches it through us only.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    parent = os.getpid()

    def prepare():
        if command[:len(D2LRNN)] == D2LRNN:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if prctl:
            prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, of Linux alone
            if os.getppid() != parent:
                os._exit(1)

    try:
        process = subprocess.Popen(
            command, start_new_session=True, preexec_fn=prepare,
            env={**environment, "DMLC_ROLE": role}, **streams)
    except OSError as error:
        raise TogetherError(f"{command[0]} cannot be started "
                            f"({error.strerror}): check the command") from None
    return SimpleNamespace(role=f"the {role}", rank=None, process=process,
                           errors=None)


def start_worker(rank, command, environment):
    """Return the process of a worker; only worker 0 is heard."""
    environment = {**environment, "D2LRNN_RANK": str(rank)}
    if rank == 0:
        worker = start("worker", command, environment)
    else:
        errors = tempfile.TemporaryFile()
        worker = start("worker", command, environment, stderr=errors,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        worker.errors = errors
    worker.role, worker.rank = f"worker {rank}", rank
    return worker


def end(crew):
    """End processes, and those that they have started, at once."""
    for member in crew:
        with suppress(OSError):  # it has ended
            os.killpg(member.process.pid, signal.SIGKILL)
    for member in crew:
        if member.process.wait() == -signal.SIGKILL and member.rank == 0:
            clear_bar()


def clear_bar():
    """Remove the bar of a worker that was killed, and show the cursor."""
    if sys.stderr and sys.stderr.isatty() and not (
            os.environ.get("NO_COLOR")
            or os.environ.get("TERM") in ("dumb", "unknown")):
        print("\r\x1b[2K\x1b[?25h", end="", file=sys.stderr, flush=True)


def watch(crew, meeting, stops):
    """Wait until all workers, here and elsewhere, have finished.

    Raise ``TogetherError`` when the first one fails.
    """
    workers = [member for member in crew if member.rank is not None]
    asked = False
    while not finished(workers, meeting):
        time.sleep(POLL)
        if stops and not asked:
            ask_to_stop(workers[0], stops[0])
            asked = True
        if len(stops) > 1:
            raise TogetherError("stopped", code=128 + stops[0])
        for member in crew:
            if member.process.poll():
                fail(member, workers, stops)
        if meeting:
            hear(meeting, workers, stops)
            if meeting.stopped:
                leave(workers, meeting.stopped, stops)


def ask_to_stop(worker, number):
    """Send a worker a signal, of which it tells the others.

    As in a terminal, what it has started gets the signal too.
    """
    if worker.process.poll() is not None:  # and others have not finished
        raise TogetherError("stopped", code=128 + number)
    os.killpg(worker.process.pid, number)


def finished(workers, meeting):
    """Return whether all workers have, and tell the other machines."""
    if any(worker.process.poll() != 0 for worker in workers):
        return False
    if meeting is None or meeting.is_over:
        return True
    if meeting.rank == 0 and all(
            peer.is_done for peer in meeting.peers.values()):
        meeting.tell(over=True)
        return True
    meeting.tell(done=True)
    return False


def hear(meeting, workers, stops):
    """Hear what the other machines say, as ``Meeting.check`` does.

    If one has failed, a worker here may say better what is wrong.
    """
    try:
        meeting.check()
    except TogetherError as error:
        if not error.again:
            wait_for(workers, GRACE)
            for worker in workers:
                if worker.process.poll():
                    fail(worker, workers, stops)
        raise


def fail(member, workers, stops):
    """Raise a ``TogetherError`` that says who has failed, and why.

    A worker that was asked to stop does so together with the others.
    """
    code, who = member.process.returncode, member.role
    if code == -signal.SIGINT:  # as a script that does not catch Ctrl-C
        code = 128 + signal.SIGINT
    if -code in stops and member.rank is not None:  # it was not yet training
        raise TogetherError("stopped", code=128 - code)
    if code - 128 in STOPS:
        leave(workers, code, stops)
    if code < 0:
        raise TogetherError(f"{who} (process {member.process.pid}) was killed "
                            f"by {signal.Signals(-code).name}", again=True)
    wait_for(workers[:1], GRACE)
    if workers[0].rank == 0 and workers[0].process.poll():
        raise TogetherError("", code=code)  # worker 0 has said why
    words = last_words(member)
    raise TogetherError(
        words if words.startswith(f"{who} ") else f"{who}: {words}", code=code)


def leave(workers, code, stops):
    """Raise a ``TogetherError`` without a word, once worker 0 has saved.

    It is the one who has said what was saved. Another signal ends this.
    """
    asked, saving = len(stops), [
        worker for worker in workers if worker.rank == 0]
    wait_for(saving, LEAVING, lambda: len(stops) > asked)
    for worker in saving:
        if (worker.process.poll() or 0) > 0:  # such as 1 if it could not
            code = worker.process.returncode
    raise TogetherError("", code=code)


def wait_for(workers, seconds, is_hurried=lambda: False):
    """Wait until workers have ended, but not longer than some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not is_hurried() and any(
            worker.process.poll() is None for worker in workers):
        time.sleep(POLL)


def last_words(worker):
    """Return the last line that a process wrote to stderr."""
    lines = [""]
    if worker.errors:
        worker.errors.seek(0)
        lines = worker.errors.read().decode(errors="replace").splitlines()
    return next((line.removeprefix("d2lrnn: ") for line in reversed(lines)
                 if line.strip()), f"exit code {worker.process.returncode}")


def together(
        command: Annotated[list[str], Argument(
            metavar="COMMAND", help="Such as: -- python my_script.py")],
        workers: Workers = 1, rank: Rank = None, at: At = None,
        max_restarts: MaxRestarts = 0):
    """Run a script in several processes that train one model together.

    The script gives together=d2lrnn.Workers() to d2lrnn.fit, and resume=True
    if its folder already holds a training.
    """
    raise Exit(launch(
        command, command, lambda: "run the same command again to go on from "
        "the last checkpoint, if the script resumes", workers, rank, at,
        max_restarts))


if __name__ == "__main__":
    app = Typer(add_completion=False, rich_markup_mode=None,
                pretty_exceptions_enable=False,
                context_settings={"help_option_names": ["-h", "--help"]})
    app.command()(together)
    app(prog_name="python -m d2lrnn_cli.together")
