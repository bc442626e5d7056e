#!/usr/bin/env python3
"""Runs a user's script inside its sandbox: limits, a way to the API, signals that clean up.

    python3 holdfast_launch.py [--relay SOCKET --port PORT] [--limits JSON] script.py [args...]

``--relay SOCKET``  unix socket of the API. The launcher listens on 127.0.0.1 and forwards to it, and
                    sets BIOREACTOR_NODE_API_URL to that address. Without it the script talks to
                    BIOREACTOR_NODE_API_URL as it stands in the environment.
``--port PORT``     port of that listener (default 9000; 0 picks a free one).
``--limits JSON``   ``{"memoryMb", "cpuSeconds", "fileMb", "processes", "openFiles"}``; a key that is
                    missing or null sets no limit.

The script runs as ``__main__`` in this process, so exit codes, tracebacks and line numbers are
Python's own. SIGTERM raises SystemExit(143) in the main thread, so that ``finally`` blocks and
context managers run. With TIME_SCALE above 1 in the environment its clocks run that many times
faster (see ``bioreactor_client/scaled_time.py``). If the launcher itself cannot do its part it says
so on stderr and exits with 125; the script has then not started.

Standard library only; Python 3.9 or later.
"""

import errno
import json
import os
import selectors
import signal
import socket
import sys
import threading
import types

EXIT_LAUNCHER_FAILED = 125
EXIT_SIGTERM = 128 + 15
RELAY_IGNORES = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)
LIMITS = ("memoryMb", "cpuSeconds", "fileMb", "processes", "openFiles")
MIB = 1024 * 1024


class LaunchError(Exception):
    """The launcher cannot do its part; the script does not start."""


class CpuTimeExceeded(Exception):
    """The script used up the CPU time its experiment allows."""


# ---------------------------------------------------------------------------------------- options


def parse_arguments(argv):
    """Options of the launcher, and the script with its own arguments untouched."""
    options = {"relay": None, "port": 9000, "limits": {}}
    rest = list(argv)
    while rest and rest[0].startswith("--"):
        name, _, value = rest.pop(0)[2:].partition("=")
        if name == "":  # a lone "--" ends the options
            break
        if name not in options:
            raise LaunchError('Cannot use the option "--%s": known are --relay, --port, --limits' % name)
        if value == "":
            if not rest:
                raise LaunchError('The option "--%s" needs a value' % name)
            value = rest.pop(0)
        if name == "port":
            if not value.isdigit() or int(value) > 65535:
                raise LaunchError('Cannot listen on port "%s": it must be a number from 0 to 65535' % value)
            options["port"] = int(value)
        elif name == "limits":
            options["limits"] = parse_limits(value)
        else:
            options[name] = value
    if not rest:
        raise LaunchError("No script was named")
    return options, rest[0], rest[1:]


def parse_limits(text):
    try:
        limits = json.loads(text)
    except ValueError as error:
        raise LaunchError("Cannot read the limits %r: %s" % (text, error))
    if not isinstance(limits, dict):
        raise LaunchError("Cannot read the limits %r: an object is needed" % text)
    for name, value in limits.items():
        if name not in LIMITS:
            raise LaunchError('Cannot use the limit "%s": known are %s' % (name, ", ".join(LIMITS)))
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise LaunchError('Cannot use the limit "%s": %r is not a positive number' % (name, value))
    return {name: value for name, value in limits.items() if value is not None}


# ------------------------------------------------------------------------------------------ limits


def apply_limits(limits):
    """Sets the limits on this process; what it starts inherits them."""
    if not limits:
        return
    try:
        import resource
    except ImportError:
        raise LaunchError("This system cannot limit a process: Python has no resource module here")

    def lower(kind, soft, hard=None):
        # Limits already in force are kept where they are stricter: only they can be lowered.
        _, ceiling = resource.getrlimit(kind)
        hard = soft if hard is None else hard
        if ceiling != resource.RLIM_INFINITY:
            hard = min(hard, ceiling)
        resource.setrlimit(kind, (min(soft, hard), hard))

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "memoryMb" in limits:
        memory = int(limits["memoryMb"] * MIB)
        # RLIMIT_DATA counts memory that can be written (heap, private maps), which is what a script
        # uses up. The address space is wider: numpy and its like reserve far more than they touch,
        # and files mapped read-only are in it. It still bounds memory shared between processes.
        lower(resource.RLIMIT_DATA, memory)
        lower(resource.RLIMIT_AS, 2 * memory + 512 * MIB)
    if "fileMb" in limits:
        lower(resource.RLIMIT_FSIZE, int(limits["fileMb"] * MIB))
    if "openFiles" in limits:
        lower(resource.RLIMIT_NOFILE, int(limits["openFiles"]))
    if "cpuSeconds" in limits:
        soft = max(1, int(limits["cpuSeconds"]))
        # Five more seconds of CPU for `finally` blocks; then the kernel ends the process.
        lower(resource.RLIMIT_CPU, soft, soft + 5)
    if "processes" in limits:
        _limit_processes(resource, int(limits["processes"]))


def _limit_processes(resource, processes):
    """Allows `processes` more processes and threads, whatever the kernel already counts.

    RLIMIT_NPROC counts every task of this user: inside a user namespace of its own that is this
    sandbox alone (Linux 5.14 and later), elsewhere it may be the whole desktop. So the count is
    found by trying, not assumed. For root the kernel enforces nothing.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    ceiling = 4_194_304 if hard == resource.RLIM_INFINITY else hard

    def can_fork(limit):
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, hard))
        try:
            pid = os.fork()
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
            raise
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return True

    low, high = 0, 8  # once found: low refuses (and so is the count), high allows
    while high < ceiling and not can_fork(high):
        low, high = high, high * 2
    high = min(high, ceiling)
    while high - low > 1:
        middle = (low + high) // 2
        if can_fork(middle):
            high = middle
        else:
            low = middle
    limit = min(low + processes, ceiling)
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


# ------------------------------------------------------------------------------------------- relay

BUFFER_BYTES_MAX = 65536
CONNECTIONS_MAX = 256
CONNECT_S_MAX = 5.0
AWAY = json.dumps({
    "type": "/problems/device-offline",
    "title": "The instrument's API is away",
    "status": 503,
    "detail": "The instrument's API does not answer; it may be restarting",
    "code": "api_away",
}).encode()
AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s" % (len(AWAY), AWAY)
)


def start_relay(path, port):
    """Forwards 127.0.0.1:`port` to the unix socket `path`, from a process of its own.

    A process, so that a script that keeps the interpreter busy does not slow its own commands; and
    not a child of the script's process, so that its `os.wait()` never meets it. It ends when this
    process ends. SIGTERM does not end it: the script's clean-up still has calls to make.

    Returns the port it listens on.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise LaunchError("Cannot listen on 127.0.0.1:%d: %s" % (port, error.strerror))
    listener.listen(128)
    port = listener.getsockname()[1]
    script_pid = os.getpid()
    # Blocked until the relay ignores them: one that came in between would take the way to the API away.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, RELAY_IGNORES)
    middle = os.fork()
    if middle == 0:
        # Nothing below may return into the launcher: this is another process now.
        try:
            if os.fork() == 0:
                for number in RELAY_IGNORES:
                    signal.signal(number, signal.SIG_IGN)
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                _become_relay(listener, path, script_pid)
        finally:
            os._exit(0)
    os.waitpid(middle, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    listener.close()
    return port


def _become_relay(listener, path, script_pid):
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # the log of the run must not stay open for our sake
        os.dup2(null, descriptor)
    try:
        script = os.pidfd_open(script_pid)
    except (AttributeError, OSError):
        script = None
    Relay(listener, path, script, script_pid).serve()


class _End:
    """One socket of a pair: what waits to be written to it, and whether it has said all it will."""

    __slots__ = ("socket", "peer", "pending", "finished", "shut", "events", "deadline")

    def __init__(self, sock):
        self.socket = sock
        self.peer = None
        self.pending = bytearray()
        self.finished = False  # it sent its end of stream
        self.shut = False  # we sent ours to it
        self.events = 0
        self.deadline = None  # set while it waits for the API, or is being told that it is away


class Relay:
    """Copies bytes both ways between TCP connections and a unix socket; bounded in every direction."""

    def __init__(self, listener, path, script_fd, script_pid):
        self.path = path
        self.script_pid = script_pid
        self.script_fd = script_fd
        self.listener = listener
        self.selector = selectors.DefaultSelector()
        self.waiting = []  # accepted, the unix socket's queue was full
        self.leaving = []  # told that the API is away
        self.count = 0
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, None)
        if script_fd is not None:
            self.selector.register(script_fd, selectors.EVENT_READ, "script")

    def serve(self):
        import time

        while True:
            if self.waiting or self.leaving:
                patience = 0.02
            else:
                patience = None if self.script_fd is not None else 1.0
            ready = self.selector.select(patience)
            now = time.monotonic()
            for key, mask in ready:
                if key.data is None:
                    self._accept(now)
                elif key.data == "script":
                    return
                elif key.data.socket.fileno() != -1:
                    self._move(key.data, mask)
            for end in self.waiting[:]:
                self._connect(end, now)
            for end in self.leaving[:]:
                if now > end.deadline:
                    self._close(end)
            if self.script_fd is None and not self._script_lives():
                return

    def _script_lives(self):
        try:
            os.kill(self.script_pid, 0)
            return True
        except OSError:
            return False

    def _accept(self, now):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        if self.count >= CONNECTIONS_MAX:
            sock.close()
            return
        self.count += 1
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _End(sock)
        client.deadline = now + CONNECT_S_MAX
        self.waiting.append(client)
        self._connect(client, now)

    def _connect(self, client, now):
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        upstream.setblocking(False)
        try:
            upstream.connect(self.path)
        except BlockingIOError:  # its queue is full: ask again, for a while
            upstream.close()
            if now > client.deadline:
                self.waiting.remove(client)
                self._tell_away(client, now)
            return
        except OSError:
            upstream.close()
            self.waiting.remove(client)
            self._tell_away(client, now)
            return
        self.waiting.remove(client)
        client.deadline = None
        client.peer = _End(upstream)
        client.peer.peer = client
        self._watch(client)
        self._watch(client.peer)

    def _tell_away(self, client, now):
        client.pending += AWAY
        client.deadline = now + 2.0
        self.leaving.append(client)
        self._watch(client)

    def _watch(self, end):
        events = 0
        room = end.peer is None or len(end.peer.pending) < BUFFER_BYTES_MAX
        if not end.finished and room:
            events |= selectors.EVENT_READ
        if end.pending:
            events |= selectors.EVENT_WRITE
        if events == end.events:
            return
        if end.events == 0:
            self.selector.register(end.socket, events, end)
        elif events == 0:
            self.selector.unregister(end.socket)
        else:
            self.selector.modify(end.socket, events, end)
        end.events = events

    def _move(self, end, mask):
        try:
            if mask & selectors.EVENT_WRITE and end.pending:
                sent = end.socket.send(end.pending)
                del end.pending[:sent]
            if mask & selectors.EVENT_READ and not end.finished:
                data = end.socket.recv(BUFFER_BYTES_MAX)
                if not data:
                    end.finished = True
                elif end.peer is not None:
                    end.peer.pending += data
        except BlockingIOError:
            pass
        except OSError:
            self._close(end)
            return
        if end.peer is None:  # told that the API is away; what it still sends is dropped
            if end.finished:
                self._close(end)
                return
            self._pass_end(end, True)
            self._watch(end)
            return
        self._pass_end(end, end.peer.finished)
        self._pass_end(end.peer, end.finished)
        if end.finished and end.peer.finished and not end.pending and not end.peer.pending:
            self._close(end)
            return
        self._watch(end)
        self._watch(end.peer)

    def _pass_end(self, end, other_finished):
        if other_finished and not end.pending and not end.shut:
            end.shut = True
            try:
                end.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _close(self, end):
        for one in (end, end.peer):
            if one is None:
                continue
            if one.events:
                self.selector.unregister(one.socket)
                one.events = 0
            one.socket.close()
            if one in self.leaving:
                self.leaving.remove(one)
        self.count -= 1


# ------------------------------------------------------------------------------------------ script


def install_signals(cpu_seconds):
    """SIGTERM and the CPU limit become exceptions in the main thread of this process only."""

    def on_term(_number, _frame):
        raise SystemExit(EXIT_SIGTERM)

    def on_cpu(_number, _frame):
        raise CpuTimeExceeded("The script used its %g s of CPU time" % cpu_seconds)

    signal.signal(signal.SIGTERM, on_term)
    if cpu_seconds is not None:
        signal.signal(signal.SIGXCPU, on_cpu)

    masks = threading.local()

    # Python drops a signal that reaches a new process before it has found itself. Held back until the
    # child has given up our handler, it ends the child, and a pool that is closed at once does not hang.
    def before():
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))

    def in_parent():
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def in_child():
        # A process the script forks ends on SIGTERM as any other does: the clean-up is its parent's.
        if signal.getsignal(signal.SIGTERM) is on_term:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def prepare_environment():
    """Output line by line in UTF-8 whatever the locale; one thread for numerical libraries."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def install_time_scale():
    text = os.environ.get("TIME_SCALE", "").strip()
    if text in ("", "1"):
        return
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 1.0 <= factor <= 10000.0:
        raise LaunchError('Cannot use TIME_SCALE "%s": it must be a number from 1 to 10000' % text)
    from bioreactor_client import scaled_time

    scaled_time.install(factor)


def read_script(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise LaunchError('Cannot open the script "%s": %s' % (path, error.strerror))


def run_script(path, args, source):
    """Runs `source` as `__main__`, as ``python3 path args...`` would."""
    import importlib.machinery

    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__cached__ = None
    module.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    module.__builtins__ = __builtins__
    sys.modules["holdfast_launch"] = sys.modules["__main__"]  # keeps this file's functions alive
    sys.modules["__main__"] = module
    sys.argv = [path] + list(args)
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except SystemExit:
        raise  # the interpreter turns it into the exit code
    except BaseException as error:
        report(error)
        if isinstance(error, KeyboardInterrupt):
            # Already shown; the interpreter ends the process as it ends any interrupted script.
            sys.excepthook = lambda *_: None
            raise
        raise SystemExit(1)


def report(error):
    """Shows the error as Python would, without the frames of this file."""

    def ours(one):
        return one.tb_frame.f_code.co_filename == __file__

    trace = error.__traceback__
    while trace is not None and ours(trace):
        trace = trace.tb_next
    one = trace
    while one is not None:
        while one.tb_next is not None and ours(one.tb_next):  # a signal handler
            one.tb_next = one.tb_next.tb_next
        one = one.tb_next
    error.__traceback__ = trace
    sys.excepthook(type(error), error, trace)


def main(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        options, script, args = parse_arguments(argv)
        source = read_script(script)
        if options["relay"] is not None:
            port = start_relay(options["relay"], options["port"])
            os.environ["BIOREACTOR_NODE_API_URL"] = "http://127.0.0.1:%d" % port
        # The script's folder first, as always; then the client library beside this file.
        sys.path[0:1] = [os.path.dirname(os.path.abspath(script))]
        if here not in sys.path:
            sys.path.insert(1, here)
        prepare_environment()
        install_time_scale()
        try:
            apply_limits(options["limits"])
        except (OSError, ValueError) as error:
            raise LaunchError("Cannot set the limits of the script: %s" % error)
    except LaunchError as error:
        sys.stderr.write("holdfast: %s\n" % error)
        sys.stderr.flush()
        raise SystemExit(EXIT_LAUNCHER_FAILED)
    install_signals(options["limits"].get("cpuSeconds"))
    run_script(script, args, source)


if __name__ == "__main__":
    main(sys.argv[1:])
