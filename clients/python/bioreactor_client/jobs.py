"""The scheduler behind `Bioreactor.run`."""

import inspect
import math
import threading
import time
import traceback

from . import errors, scaled_time
from .transport import say

# A job without a period still lets other threads run.
CONTINUOUS_PAUSE_S = 0.005


def calling(function):
    """`call(bioreactor, elapsed)` for a function of any of the forms scripts use.

    `f(bio, elapsed=...)`, `f(bio, elapsed)`, `f(bio)`, `f()`.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return lambda bio, elapsed: function(bio, elapsed=elapsed)
    kinds = inspect.Parameter
    positional = [
        one for one in parameters
        if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    many = any(one.kind == kinds.VAR_POSITIONAL for one in parameters)
    named = any(one.kind == kinds.VAR_KEYWORD for one in parameters) or any(
        one.name == "elapsed" and one.kind != kinds.POSITIONAL_ONLY for one in parameters
    )
    if named:
        if positional and positional[0].name == "elapsed":
            return lambda bio, elapsed: function(elapsed=elapsed)
        return lambda bio, elapsed: function(bio, elapsed=elapsed)
    required = [one for one in positional if one.default is one.empty]
    if many or len(required) >= 2:
        return lambda bio, elapsed: function(bio, elapsed)
    if positional:
        return lambda bio, elapsed: function(bio)
    return lambda bio, elapsed: function()


class Job:
    """One function at one rate, and what became of its turns."""

    def __init__(self, function, period, duration):
        self.call = calling(function)
        self.name = _name(function)
        self.period = None if period is True else _seconds("period", period, self.name, zero=False)
        self.duration = math.inf if duration is True else _seconds("duration", duration, self.name)
        self.calls = 0
        self.errors = 0
        self.skipped = 0
        self.failure = None
        self.thread = None
        # Not `thread.is_alive()`: a thread whose `join` a signal interrupted passes for ended (bpo-45274),
        # and what it still commands would come after the clean-up.
        self.ended = threading.Event()
        self.ended.set()

    @property
    def running(self):
        return not self.ended.is_set()


class Jobs:
    """All jobs of one Bioreactor."""

    def __init__(self, bioreactor, monotonic=None, wait=None):
        self._bioreactor = bioreactor
        # Looked up at each call, for TIME_SCALE replaces them; tests give their own.
        self._monotonic = monotonic or (lambda: time.monotonic())
        self._wait = wait or (lambda stop, seconds: stop.wait(seconds))
        self._stop = threading.Event()
        self._jobs = []
        self._failure = None
        self._lock = threading.Lock()

    def run(self, jobs, *, errors_max=20, errors_for_s=120.0, on_failure="interrupt"):
        if on_failure not in ("interrupt", "continue"):
            raise ValueError('on_failure must be "interrupt" or "continue", not %r' % (on_failure,))
        made = []
        for one in jobs:
            try:
                function, period, duration = one
            except (TypeError, ValueError):
                raise TypeError(
                    "A job is (function, period_s or True, duration_s or True), not %r" % (one,)
                ) from None
            if not callable(function):
                raise TypeError("A job is (function, period, duration); %r cannot be called" % (function,))
            made.append(Job(function, period, duration))
        if any(job.running for job in self._jobs):
            raise RuntimeError("Jobs are running already: end them with stop_all() first")
        stop = self._stop = threading.Event()
        self._jobs = made
        start = self._monotonic()
        for job in made:
            job.thread = threading.Thread(
                target=self._run,
                args=(job, stop, start, errors_max, errors_for_s, on_failure),
                name="job %s" % job.name,
                daemon=True,
            )
        for job in made:
            job.ended.clear()
            try:
                job.thread.start()
            except BaseException:
                job.ended.set()
                raise
        return self

    def stop(self):
        """Asks every job to end after its present call; returns at once."""
        self._stop.set()

    def wait(self, timeout_s=None):
        """Waits until every job has ended. Whether they have."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        # A job that calls finish() cannot wait for itself.
        others = [job for job in self._jobs if job.thread is not threading.current_thread()]
        for job in others:
            job.ended.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(job.running for job in others)

    def counts(self):
        """`{name: {"calls", "errors", "skipped", "running"}}`."""
        return {
            job.name: {
                "calls": job.calls,
                "errors": job.errors,
                "skipped": job.skipped,
                "running": job.running,
            }
            for job in self._jobs
        }

    def raise_failure(self):
        """Raises the JobFailed that nobody has been told of yet."""
        with self._lock:
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self, job, *rest):
        try:
            self._work(job, *rest)
        finally:
            job.ended.set()

    def _work(self, job, stop, start, errors_max, errors_for_s, on_failure):
        turn = 0
        in_a_row, first_error_at = 0, 0.0
        while not stop.is_set():
            elapsed = self._monotonic() - start
            if elapsed >= job.duration:
                return
            try:
                job.calls += 1
                job.call(self._bioreactor, elapsed)
                in_a_row = 0
            except Exception as error:  # noqa: BLE001  a job's error is its own
                now = self._monotonic()
                job.errors += 1
                in_a_row += 1
                first_error_at = now if in_a_row == 1 else first_error_at
                self._log(job, error, in_a_row)
                if in_a_row >= errors_max and now - first_error_at >= errors_for_s:
                    self._give_up(job, error, in_a_row, on_failure)
                    return
            if job.period is None:
                scaled_time.real_sleep(CONTINUOUS_PAUSE_S)
                continue
            # The next turn that is still ahead; those that passed meanwhile are skipped, not made up.
            late = (self._monotonic() - start) / job.period
            following = max(turn + 1, math.ceil(late))
            if following > turn + 1:
                job.skipped += following - turn - 1
                if job.skipped == following - turn - 1:
                    say('job "%s" takes longer than its %g s: turns are skipped' % (job.name, job.period))
            turn = following
            if turn * job.period >= job.duration:
                self._wait(stop, max(0.0, job.duration - (self._monotonic() - start)))
                return
            self._wait(stop, max(0.0, start + turn * job.period - self._monotonic()))

    def _log(self, job, error, in_a_row):
        if in_a_row == 1:
            lines = traceback.format_exception(type(error), error, _below(error.__traceback__))
            say('job "%s" failed, it goes on:\n%s' % (job.name, "".join(lines).rstrip()))
        elif in_a_row in (2, 5, 10) or in_a_row % 100 == 0:
            say('job "%s" failed %d times in a row: %s' % (job.name, in_a_row, error))

    def _give_up(self, job, error, in_a_row, on_failure):
        failure = errors.JobFailed(
            'The job "%s" failed %d times in a row and was ended: %s' % (job.name, in_a_row, error),
            component=job.name, code="job_failed")
        failure.__cause__ = error
        job.failure = failure
        say(str(failure))
        if on_failure == "interrupt":
            with self._lock:
                self._failure = failure
            self._stop.set()
            _interrupt_main()


def _interrupt_main():
    """KeyboardInterrupt in the main thread, also out of a sleep."""
    import os
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        os.kill(os.getpid(), signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()


def _below(trace):
    """The traceback without this file's frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _seconds(what, value, name, zero=True):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (
        value >= 0 if zero else value > 0
    ):
        raise ValueError('The %s of the job "%s" must be seconds or True, not %r' % (what, name, value))
    return float(value)


def _name(function):
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__
