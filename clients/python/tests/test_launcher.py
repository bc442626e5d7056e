import csv
import json
import os
import resource
import signal
import socketserver
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler

from node_fixture import Node

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.dirname(HERE)
LAUNCHER = os.path.join(CLIENT, "holdfast_launch.py")
GUIDE = os.path.join(HERE, "guide_five_minutes.py")


class Launched(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def script(self, text, name="user_script.py"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def start(self, text, *options, args=(), env=None):
        environment = {"PATH": os.environ["PATH"], "OUTPUT_DIR": self.folder}
        environment.update(env or {})
        return subprocess.Popen(
            [sys.executable, LAUNCHER, *options, self.script(text), *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            cwd=self.folder, start_new_session=True)

    def launch(self, text, *options, args=(), env=None, timeout=60):
        child = self.start(text, *options, args=args, env=env)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise
        return child.returncode, out.decode(), err.decode()


class AsPythonWould(Launched):
    def test_the_script_is_main_with_its_own_arguments(self):
        code, out, err = self.launch("""
            import sys, os, inspect
            print(__name__, os.path.basename(__file__), sys.argv[1:])
            print(sys.modules["__main__"].__dict__ is globals())
            print(os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()))
            def f(): pass
            print(inspect.getsource(f).strip())
            import bioreactor_client
        """, args=["--relay", "x", "-v"])
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.splitlines(), [
            "__main__ user_script.py ['--relay', 'x', '-v']", "True", "True", "def f(): pass"])

    def test_exit_codes_are_pythons_own(self):
        for body, expected in (
            ("pass", 0), ("import sys; sys.exit(7)", 7), ("import sys; sys.exit()", 0),
            ("raise SystemExit('bye')", 1), ("1/0", 1), ("x = = 1", 1),
            ("import os; os._exit(9)", 9), ("raise KeyboardInterrupt", -signal.SIGINT),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ):
            code, _, err = self.launch(body)
            plain = subprocess.run(
                [sys.executable, self.script(body)], capture_output=True, cwd=self.folder)
            self.assertEqual((code, plain.returncode), (expected, expected), body)
            self.assertEqual(err, plain.stderr.decode(), body)

    def test_tracebacks_are_those_of_the_script_alone(self):
        body = """
            def outer():
                try:
                    inner()
                except ValueError as error:
                    raise RuntimeError("second") from error
            def inner():
                raise ValueError("first")
            import traceback
            try:
                inner()
            except ValueError:
                traceback.print_exc()
            outer()
        """
        code, _, err = self.launch(body)
        plain = subprocess.run(
            [sys.executable, self.script(body)], capture_output=True, cwd=self.folder)
        self.assertEqual((code, err), (1, plain.stderr.decode()))
        self.assertNotIn("holdfast_launch", err)

    def test_atexit_hooks_threads_and_excepthook_work(self):
        code, out, err = self.launch("""
            import atexit, sys, threading, time
            atexit.register(lambda: print("atexit"))
            def late():
                time.sleep(0.05)
                print("thread")
            threading.Thread(target=late).start()
            sys.excepthook = lambda kind, value, trace: print("hook", kind.__name__, trace.tb_lineno)
            1/0
        """)
        self.assertEqual((code, out.splitlines(), err), (1, ["hook ZeroDivisionError 9", "thread", "atexit"], ""))

    def test_output_is_utf8_line_by_line_in_any_locale(self):
        child = self.start(
            "import sys, time\nprint('25.4 °C')\nsys.stdin.read()\n", env={"LC_ALL": "C"})
        self.assertEqual(child.stdout.readline().decode(), "25.4 °C\n")
        child.kill()
        child.communicate()

    def test_processes_of_multiprocessing_find_the_script(self):
        for method in ("spawn", "fork"):
            code, out, err = self.launch("""
                import multiprocessing as mp, sys
                def square(n):
                    return n * n
                if __name__ == "__main__":
                    mp.set_start_method(sys.argv[1])
                    with mp.Pool(2) as pool:
                        print(pool.map(square, [1, 2, 3]))
            """, args=[method])
            self.assertEqual((code, out, err), (0, "[1, 4, 9]\n", ""), method)


class Refusals(Launched):
    def test_what_the_launcher_cannot_do_it_says_and_exits_125(self):
        for options, words in (
            (["--limits", "{"], "Cannot read the limits"),
            (["--limits", '{"memory": 1}'], 'Cannot use the limit "memory": known are memoryMb'),
            (["--limits", '{"memoryMb": -1}'], "not a positive number"),
            (["--limits", '{"memoryMb": true}'], "not a positive number"),
            (["--port", "x"], 'Cannot listen on port "x"'),
            (["--speed", "1"], 'Cannot use the option "--speed"'),
        ):
            code, out, err = self.launch("print('started')", *options)
            self.assertEqual((code, out), (125, ""), options)
            self.assertTrue(err.startswith("holdfast: ") and words in err, err)
        code, _, err = self.launch("pass", env={"TIME_SCALE": "fast"})
        self.assertEqual(code, 125)
        self.assertIn('TIME_SCALE "fast"', err)

    def test_a_port_that_is_taken_is_named(self):
        with Node() as node:
            port = node.url.rsplit(":", 1)[1]
            code, _, err = self.launch("pass", "--relay", "/nowhere.sock", "--port", port)
        self.assertEqual(code, 125)
        self.assertIn("Cannot listen on 127.0.0.1:%s" % port, err)


class Limits(Launched):
    def test_too_much_memory_is_a_memory_error_and_not_a_hang(self):
        code, out, err = self.launch("""
            kept = []
            try:
                while True:
                    kept.append(bytearray(8 * 1024 * 1024))
            except MemoryError:
                count = len(kept)
                kept.clear()
                print(count * 8)
                raise
        """, "--limits", '{"memoryMb": 128}')
        self.assertEqual(code, 1)
        self.assertTrue(64 < int(out) <= 128, out)
        self.assertIn("MemoryError", err)

    def test_memory_shared_between_processes_is_bounded_too(self):
        code, _, err = self.launch("""
            import mmap
            kept = [mmap.mmap(-1, 64 * 1024 * 1024) for _ in range(40)]
        """, "--limits", '{"memoryMb": 128}')
        self.assertEqual(code, 1)
        self.assertIn("Cannot allocate memory", err)

    def test_threads_fit_into_a_small_memory(self):
        code, out, err = self.launch("""
            import threading
            go = threading.Event()
            threads = [threading.Thread(target=go.wait) for _ in range(32)]
            for thread in threads: thread.start()
            go.set()
            for thread in threads: thread.join()
            print("ok")
        """, "--limits", '{"memoryMb": 512}')
        self.assertEqual((code, out, err), (0, "ok\n", ""))

    def test_a_file_cannot_grow_beyond_its_limit(self):
        code, _, err = self.launch("""
            with open("big", "wb") as file:
                for _ in range(3): file.write(b"x" * 1024 * 1024)
        """, "--limits", '{"fileMb": 2}')
        self.assertEqual(code, 1)
        self.assertIn("File too large", err)
        self.assertEqual(os.path.getsize(os.path.join(self.folder, "big")), 2 * 1024 * 1024)

    def test_cpu_time_ends_in_an_exception_that_cleans_up(self):
        code, out, err = self.launch("""
            count = 0
            try:
                while True:
                    count += 1
            finally:
                print("cleaned up")
        """, "--limits", '{"cpuSeconds": 1}')
        self.assertEqual((code, out), (1, "cleaned up\n"))
        self.assertIn("CpuTimeExceeded: The script used its 1 s of CPU time", err)
        self.assertNotIn("holdfast_launch", err)

    def test_open_files_and_core_dumps_are_limited_and_children_inherit(self):
        code, out, _ = self.launch("""
            import resource, subprocess, sys
            code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
            print(resource.getrlimit(resource.RLIMIT_CORE)[0])
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        """, "--limits", '{"openFiles": 64, "memoryMb": null}')
        self.assertEqual((code, out.split()), (0, ["0", "64"]))

    @unittest.skipIf(os.getuid() == 0, "the kernel limits no processes of root")
    def test_processes_are_limited_whatever_else_this_user_runs(self):
        code, out, _ = self.launch("""
            import os, time
            made = 0
            try:
                while made < 100:
                    if os.fork() == 0:
                        time.sleep(30)
                        os._exit(0)
                    made += 1
            except OSError as error:
                print(made, error.errno)
            os.killpg(0, 9)
        """, "--limits", '{"processes": 8}')
        self.assertEqual(out.split(), ["8", "11"])
        self.assertEqual(code, -9)


class Signals(Launched):
    def test_sigterm_runs_finally_blocks_and_context_managers(self):
        with Node() as node:
            child = self.start("""
                import time
                from bioreactor_client import Bioreactor
                with Bioreactor() as bio:
                    bio.change_pump("inflow", 1.0)
                    try:
                        print("up")
                        while True:
                            try:
                                time.sleep(60)
                            except Exception:
                                pass
                    finally:
                        print("finally")
            """, env={"BIOREACTOR_NODE_API_URL": node.url})
            self.assertEqual(child.stdout.readline(), b"up\n")
            self.assertEqual(node.pumps["inflow"], 1.0)
            child.send_signal(signal.SIGTERM)
            out, err = child.communicate(timeout=30)
            self.assertEqual((child.returncode, out, err), (143, b"finally\n", b""))
            self.assertEqual(node.pumps["inflow"], 0)

    def test_a_process_told_to_end_as_it_is_forked_ends(self):
        code, out, err = self.launch("""
            import os, signal, time
            ends = []
            for _ in range(200):
                pid = os.fork()
                if pid == 0:
                    time.sleep(20)
                    os._exit(0)
                os.kill(pid, signal.SIGTERM)
                ends.append(os.waitpid(pid, 0)[1])
            print(set(ends))
        """)
        self.assertEqual((code, out, err), (0, "{15}\n", ""))

    def test_a_process_the_script_forked_ends_on_sigterm_as_any_other(self):
        code, out, _ = self.launch("""
            import os, signal, time
            ready, told = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    os.write(told, b"x")
                    time.sleep(60)
                finally:
                    print("the clean-up is the parent's")
                    os._exit(0)
            os.read(ready, 1)
            os.kill(pid, signal.SIGTERM)
            print(os.waitpid(pid, 0)[1])
        """)
        self.assertEqual((code, out), (0, "15\n"))


class UnixNode(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


class Sized(BaseHTTPRequestHandler):
    """GET /n answers with n bytes, POST with the length of what came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(b"x" * int(self.path[1:]))

    def do_POST(self):
        self.reply(b"%d" % len(self.rfile.read(int(self.headers["Content-Length"]))))

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


class RelayTest(Launched):
    def setUp(self):
        super().setUp()
        self.socket = os.path.join(self.folder, "api.sock")
        self.server = UnixNode(self.socket, Sized)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.options = ["--relay", self.socket, "--port", "0"]

    CALL = """
        import os, urllib.request
        url = os.environ["BIOREACTOR_NODE_API_URL"]
        def get(n):
            return len(urllib.request.urlopen(url + "/%d" % n, timeout=20).read())
    """

    def relayed(self, body, *more, **options):
        text = textwrap.dedent(self.CALL) + textwrap.dedent(body)
        return self.launch(text, *self.options, *more, **options)

    def test_large_answers_and_large_requests_pass_whole(self):
        code, out, err = self.relayed("""
            print(get(20_000_000))
            print(urllib.request.urlopen(url, data=b"y" * 20_000_000, timeout=20).read())
        """, "--limits", '{"memoryMb": 256}')
        self.assertEqual((code, out.split(), err), (0, ["20000000", "b'20000000'"], ""))

    def test_what_nobody_reads_is_not_kept_in_memory(self):
        code, out, err = self.relayed("""
            import socket, time
            port = int(url.rsplit(":", 1)[1])
            idle = socket.create_connection(("127.0.0.1", port))
            idle.sendall(b"GET /150000000 HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            def most_mib():
                most = 0
                for name in os.listdir("/proc"):
                    try:
                        if name.isdigit() and os.getpgid(int(name)) == os.getpgid(0):
                            with open("/proc/%s/status" % name) as file:
                                most = max([most] + [int(line.split()[1]) for line in file
                                                     if line.startswith("VmHWM")])
                    except OSError:
                        pass
                return most // 1024
            deadline = time.monotonic() + 1  # long enough for all of it, were it taken
            while most_mib() < 100 and time.monotonic() < deadline:
                get(1_000_000)  # meanwhile others are served
            print(most_mib() < 100)
            total = 0
            while data := idle.recv(1 << 20):
                total += len(data)
            print(total > 150_000_000)
        """)
        self.assertEqual((code, out.split(), err), (0, ["True", "True"], ""))

    def test_many_at_once_are_served(self):
        code, out, err = self.relayed("""
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(24) as pool:
                print(sum(pool.map(get, [1000] * 200)))
        """)
        self.assertEqual((code, out, err), (0, "200000\n", ""))

    def test_a_busy_script_does_not_slow_it(self):
        # Threads that never leave the interpreter make a relay inside it wait for every switch.
        code, out, err = self.relayed("""
            import subprocess, sys, threading, time
            def spin():
                while True: pass
            for _ in range(3): threading.Thread(target=spin, daemon=True).start()
            code = ("import os,time,urllib.request as u\\n"
                    "url=os.environ['BIOREACTOR_NODE_API_URL']+'/5'\\n"
                    "u.urlopen(url).read()\\n"
                    "t=time.monotonic()\\n"
                    "for _ in range(50): u.urlopen(url).read()\\n"
                    "print(time.monotonic()-t)")
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        """)
        self.assertEqual((code, err), (0, ""))
        self.assertLess(float(out), 5.0)

    def test_a_fork_neither_ends_it_nor_meets_it(self):
        code, out, err = self.relayed("""
            import sys
            pid = os.fork()
            if pid == 0:
                print(get(3), flush=True)
                os._exit(0)
            print(os.wait()[0] == pid)
            try:
                os.wait()
            except ChildProcessError:
                print("no child")
            print(get(4))
        """)
        self.assertEqual((code, out.split("\n")[:-1], err), (0, ["3", "True", "no child", "4"], ""))

    def test_it_ends_with_the_script_and_holds_nothing_open(self):
        start = time.monotonic()
        code, out, _ = self.relayed("import subprocess; print(url)")
        # communicate() returned, so nobody else held the pipes.
        self.assertLess(time.monotonic() - start, 20)
        import urllib.error
        import urllib.request

        deadline = time.monotonic() + 10
        while True:
            try:
                urllib.request.urlopen(out.strip() + "/1", timeout=2).read()
            except (urllib.error.URLError, OSError):
                break
            self.assertLess(time.monotonic(), deadline, "the relay outlived its script")
            time.sleep(0.02)
        self.assertEqual(code, 0)

    def test_it_ends_with_a_script_that_was_killed(self):
        code, out, _ = self.relayed("print(url, flush=True); os.kill(os.getpid(), 9)")
        self.assertEqual(code, -9)
        import urllib.error
        import urllib.request

        deadline = time.monotonic() + 10
        while True:
            try:
                urllib.request.urlopen(out.strip() + "/1", timeout=2).read()
            except (urllib.error.URLError, OSError):
                break
            self.assertLess(time.monotonic(), deadline, "the relay outlived its script")
            time.sleep(0.02)

    def test_sigterm_to_the_whole_group_leaves_the_way_to_the_api_for_the_clean_up(self):
        text = textwrap.dedent(self.CALL) + textwrap.dedent("""
            import time
            try:
                print("up", flush=True)
                time.sleep(60)
            finally:
                print(get(5))
        """)
        path = self.script(text)
        child = subprocess.Popen(
            [sys.executable, LAUNCHER, *self.options, path], stdout=subprocess.PIPE,
            start_new_session=True, cwd=self.folder)
        self.assertEqual(child.stdout.readline(), b"up\n")
        os.killpg(child.pid, signal.SIGTERM)
        out, _ = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out), (143, b"5\n"))

    def test_an_api_that_is_away_is_told_as_such_and_waited_for(self):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.socket)
        code, out, err = self.launch("""
            from bioreactor_client import Bioreactor
            try:
                Bioreactor(patience_s=0.5)
            except ConnectionError as error:
                print(error.code)
        """, *self.options)
        self.assertEqual((code, out), (0, "api_away\n"))
        self.assertIn("may be restarting", err)


class Rehearsal(Launched):
    def test_the_guides_five_minutes_pass_in_seconds_and_give_the_stated_columns(self):
        with open(GUIDE, encoding="utf-8") as file:
            guide = file.read()
        start = time.monotonic()
        with Node() as node:
            code, out, err = self.launch(
                guide, env={"BIOREACTOR_NODE_API_URL": node.url, "TIME_SCALE": "60"})
        self.assertEqual((code, err), (0, ""))
        self.assertLess(time.monotonic() - start, 20)
        # 30 turns; the last ones are lost where the machine is too busy to keep up with 60 to 1.
        count = out.count("CO2: 633.0 ppm")
        self.assertTrue(25 <= count <= 30, count)
        self.assertTrue(out.endswith("Experiment complete!\n"))
        with open(os.path.join(self.folder, "experiment_data.csv"), newline="") as file:
            data = file.read()
        self.assertTrue(data.startswith(
            "timestamp,co2_ppm,temperature,od_voltages,eyespy_voltages,stirrer_duty,peltier_duty,"
            "peltier_direction,ring_light_r,ring_light_g,ring_light_b\r\n"))
        rows = list(csv.DictReader(data.splitlines()))
        self.assertEqual(len(rows), count)
        import datetime

        stamps = [datetime.datetime.fromisoformat(row["timestamp"]) for row in rows]
        for before, after in zip(stamps, stamps[1:]):
            self.assertTrue(0 < (after - before).total_seconds() < 60)
        self.assertGreater((stamps[-1] - stamps[0]).total_seconds(), 240)
        self.assertEqual(rows[0]["od_voltages"], "[0.12, None, 0.18]")
        self.assertEqual(rows[0]["peltier_direction"], "forward")

    def test_every_clock_and_wait_that_is_scaled_runs_alike(self):
        code, out, err = self.launch("""
            import asyncio, concurrent.futures, datetime, json, queue, sched, threading, time
            wall, steady, fine = time.time(), time.monotonic(), time.perf_counter()
            stamp, ns = datetime.datetime.now(), time.monotonic_ns()
            took = {}
            def measure(name, wait):
                before = time.monotonic()
                wait()
                took[name] = time.monotonic() - before
            def condition():
                with (one := threading.Condition()): one.wait_for(lambda: False, timeout=20)
            def empty():
                try: queue.Queue().get(timeout=20)
                except queue.Empty: pass
            def future():
                with concurrent.futures.ThreadPoolExecutor(1) as pool:
                    pool.submit(time.sleep, 20).result(timeout=60)
            def timer():
                done = threading.Event()
                threading.Timer(20, done.set).start()
                done.wait()
            def plan():
                one = sched.scheduler()
                one.enter(20, 1, lambda: None)
                one.run()
            def join():
                thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
                thread.start()
                thread.join(20)
            measure("sleep", lambda: time.sleep(20))
            measure("event", lambda: threading.Event().wait(20))
            measure("condition", condition)
            measure("queue", empty)
            measure("future", future)
            measure("timer", timer)
            measure("sched", plan)
            measure("join", join)
            measure("asyncio", lambda: asyncio.run(asyncio.sleep(20)))
            took["time"] = time.time() - wall
            took["monotonic"] = time.monotonic() - steady
            took["perf_counter"] = time.perf_counter() - fine
            took["monotonic_ns"] = (time.monotonic_ns() - ns) / 1e9
            took["datetime"] = (datetime.datetime.now() - stamp).total_seconds()
            assert abs(datetime.datetime.now().timestamp() - time.time()) < 1
            assert abs(datetime.datetime.utcnow().replace(tzinfo=datetime.timezone.utc).timestamp()
                       - time.time()) < 1
            assert isinstance(datetime.datetime.now(), datetime.date)
            assert datetime.date.today() == datetime.datetime.now().date()
            import pickle
            assert pickle.loads(pickle.dumps(stamp)) == stamp
            print(json.dumps(took))
        """, env={"TIME_SCALE": "100"})
        self.assertEqual((code, err), (0, ""))
        took = json.loads(out)
        for name in ("sleep", "event", "condition", "queue", "future", "timer", "sched", "join",
                     "asyncio"):
            # A wait of 20 s is 0.2 s here; what the machine adds is multiplied by 100.
            self.assertTrue(19.9 <= took[name] < 120, (name, took[name]))
        total = took["time"]
        self.assertGreater(total, 9 * 19.9)
        for name in ("monotonic", "perf_counter", "monotonic_ns", "datetime"):
            self.assertLess(abs(took[name] - total), 20, (name, took))

    def test_waits_for_the_machine_are_not_scaled(self):
        code, out, err = self.launch("""
            import subprocess, sys
            subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"], timeout=20)
            print("done")
        """, env={"TIME_SCALE": "1000"})
        self.assertEqual((code, out, err), (0, "done\n", ""))

    def test_jobs_keep_their_rate_in_scaled_time(self):
        with Node() as node:
            code, out, err = self.launch("""
                from bioreactor_client import Bioreactor
                calls = []
                def job(bio, elapsed):
                    calls.append(elapsed)
                with Bioreactor() as bio:
                    jobs = bio.run([(job, 60, 1200)])
                    jobs.wait()
                minutes = [int(elapsed // 60) for elapsed in calls]
                # A minute is 0.1 s here: a busy machine skips turns, and never makes them up.
                print(len(calls) + jobs.counts()["job"]["skipped"], minutes == sorted(set(minutes)))
            """, env={"BIOREACTOR_NODE_API_URL": node.url, "TIME_SCALE": "600"})
        self.assertEqual((code, out, err), (0, "20 True\n", ""))


assert resource

if __name__ == "__main__":
    unittest.main()
