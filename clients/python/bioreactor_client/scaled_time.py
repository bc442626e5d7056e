"""A faster clock for rehearsals: with TIME_SCALE=60 an hour of a script passes in a minute.

``install(factor)`` is called once, by the launcher, before the script is read. From then on the
script's time starts at the true time and runs `factor` times as fast.

Scaled:

* ``time``: ``time``, ``monotonic``, ``perf_counter`` (and their ``_ns`` forms), ``sleep``, and
  ``localtime``, ``gmtime``, ``ctime``, ``asctime``, ``strftime`` called without a time.
* ``datetime.datetime.now``, ``utcnow``, ``today`` and ``datetime.date.today``.
* ``threading``: ``Event.wait``, ``Condition.wait`` and ``wait_for``, ``Thread.join``, ``Timer``,
  ``Semaphore`` and ``Barrier`` timeouts; ``queue.Queue`` timeouts; ``concurrent.futures`` waits;
  ``sched``; everything in ``asyncio`` that waits for a time (``sleep``, ``wait_for``, ``call_later``).
* This library's own waits: ``run(jobs)``, ``wait_until``, pauses, ``elapsed_s``.

Not scaled, because it is about the machine and not about the experiment: network timeouts,
``subprocess`` timeouts, ``signal.alarm``, ``select``, ``Lock.acquire(timeout=...)``, ``SimpleQueue``,
``multiprocessing`` waits, ``time.process_time``, ``thread_time`` and ``clock_gettime``, file times, and the
clocks of compiled libraries (``numpy.datetime64("now")``, ``pandas.Timestamp.now()``).
"""

import time as _time

# The true clocks, for waits that concern the network and the machine.
real_time = _time.time
real_monotonic = _time.monotonic
real_sleep = _time.sleep

_factor = 1.0


def factor():
    """How many times faster than true time the script's time runs; 1.0 without a rehearsal."""
    return _factor


def install(scale):
    """Makes the script's time run `scale` times as fast. Once per process.

    Raises ValueError outside 1..10000, RuntimeError when called twice.
    """
    global _factor
    if not 1.0 <= scale <= 10000.0:
        raise ValueError("Cannot scale time by %r: it must be from 1 to 10000" % scale)
    if _factor != 1.0:
        raise RuntimeError("Time is already scaled by %g" % _factor)
    if scale == 1.0:
        return

    # Modules whose own timeouts are about the machine bind the true clock by being loaded first.
    import selectors  # noqa: F401
    import socket  # noqa: F401
    import subprocess  # noqa: F401
    import multiprocessing.connection  # noqa: F401
    import asyncio
    import datetime
    import queue
    import threading

    _factor = float(scale)
    _scale_time_module()
    _scale_datetime(datetime)
    _scale_threading(threading, queue)
    _scale_asyncio(asyncio)


def _scale_time_module():
    def scaled(name):
        clock = getattr(_time, name)
        clock_ns = getattr(_time, name + "_ns")
        start_ns = clock_ns()
        scale = _factor

        def seconds():
            return (start_ns + (clock_ns() - start_ns) * scale) / 1e9

        def nanoseconds():
            return start_ns + int((clock_ns() - start_ns) * scale)

        seconds.__name__, nanoseconds.__name__ = name, name + "_ns"
        seconds.__doc__ = clock.__doc__
        setattr(_time, name, seconds)
        setattr(_time, name + "_ns", nanoseconds)
        return seconds

    now = scaled("time")
    scaled("monotonic")
    scaled("perf_counter")

    def sleep(seconds):
        real_sleep(seconds / _factor)

    _time.sleep = sleep

    def of_now(name):
        original = getattr(_time, name)

        def wrapper(seconds=None):
            return original(now() if seconds is None else seconds)

        wrapper.__name__ = name
        setattr(_time, name, wrapper)
        return wrapper

    localtime = of_now("localtime")
    of_now("gmtime")
    of_now("ctime")
    original_strftime, original_asctime = _time.strftime, _time.asctime
    _time.strftime = lambda form, t=None: original_strftime(form, localtime() if t is None else t)
    _time.asctime = lambda t=None: original_asctime(localtime() if t is None else t)


def _scale_datetime(datetime):
    """The C types cannot be patched, so subclasses take their names; `isinstance` still holds."""
    true_date, true_datetime = datetime.date, datetime.datetime

    class DateType(type):
        def __instancecheck__(cls, value):
            return isinstance(value, true_date)

        def __subclasscheck__(cls, other):
            return issubclass(other, true_date)

    class DatetimeType(type):
        def __instancecheck__(cls, value):
            return isinstance(value, true_datetime)

        def __subclasscheck__(cls, other):
            return issubclass(other, true_datetime)

    class date(true_date, metaclass=DateType):
        @classmethod
        def today(cls):
            return cls.fromtimestamp(_time.time())

    class datetime_(true_datetime, metaclass=DatetimeType):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(_time.time(), tz)

        @classmethod
        def today(cls):
            return cls.fromtimestamp(_time.time())

        @classmethod
        def utcnow(cls):
            return cls.fromtimestamp(_time.time(), datetime.timezone.utc).replace(tzinfo=None)

    import copyreg

    for name, scaled, true in (("date", date, true_date), ("datetime", datetime_, true_datetime)):
        scaled.__name__ = scaled.__qualname__ = name
        scaled.__module__ = "datetime"
        setattr(datetime, name, scaled)
        # A true one (made by compiled code) is pickled as the class that now has its name.
        copyreg.pickle(true, lambda value, scaled=scaled: (scaled,) + value.__reduce__()[1:])


def _scale_threading(threading, queue):
    threading._time = _time.monotonic
    queue.time = _time.monotonic

    wait = threading.Condition.wait
    join = threading.Thread.join

    def scaled_wait(self, timeout=None):
        return wait(self, None if timeout is None else timeout / _factor)

    def scaled_join(self, timeout=None):
        return join(self, None if timeout is None else timeout / _factor)

    threading.Condition.wait = scaled_wait
    threading.Thread.join = scaled_join


def _scale_asyncio(asyncio):
    """The loop's clock is scaled with `time.monotonic`; what it waits for in `select` must be too."""
    loop_type = asyncio.selector_events.BaseSelectorEventLoop
    init = loop_type.__init__

    class ScaledSelector:
        def __init__(self, selector):
            self._selector = selector

        def select(self, timeout=None):
            return self._selector.select(timeout / _factor if timeout else timeout)

        def __getattr__(self, name):
            return getattr(self._selector, name)

    def scaled_init(self, selector=None):
        import selectors

        init(self, ScaledSelector(selectors.DefaultSelector() if selector is None else selector))

    loop_type.__init__ = scaled_init
