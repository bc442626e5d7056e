import contextlib
import functools
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest

from node_fixture import Node

import bioreactor_client as bc
from bioreactor_client import errors, jobs

HERE = os.path.dirname(os.path.abspath(__file__))


class Calling(unittest.TestCase):
    def test_every_form_of_job_function_is_understood(self):
        def both(bio, elapsed):
            return bio, elapsed

        def named(bio, elapsed=None):
            return bio, elapsed

        def alone(bio):
            return bio, None

        def nothing():
            return None, None

        def second(bio, t):
            return bio, t

        def rest(*args):
            return args

        def keywords(bio, **options):
            return bio, options["elapsed"]

        def preset(bio, color=(1, 2, 3), elapsed=None):
            return bio, elapsed

        class Callable:
            def __call__(self, bio, elapsed):
                return bio, elapsed

        for function, expected in (
            (both, ("b", 2.0)), (named, ("b", 2.0)), (alone, ("b", None)), (nothing, (None, None)),
            (second, ("b", 2.0)), (rest, ("b", 2.0)), (keywords, ("b", 2.0)),
            (functools.partial(preset, color=(0, 0, 0)), ("b", 2.0)), (Callable(), ("b", 2.0)),
            (lambda bio: (bio, None), ("b", None)),
        ):
            self.assertEqual(jobs.calling(function)("b", 2.0), expected, function)


class Clock:
    """Time that passes only while a job works or waits."""

    def __init__(self):
        self.now = 1000.0

    def work(self, function, period, duration, **options):
        """Runs one job to its end on this clock, in this thread."""
        every = jobs.Jobs(None, monotonic=lambda: self.now, wait=self._wait)
        job = jobs.Job(function, period, duration)
        settings = dict(errors_max=20, errors_for_s=120.0, on_failure="continue", **options)
        every._work(job, threading.Event(), self.now, **settings)
        return job

    def _wait(self, stop, seconds):
        self.now += seconds


class Rate(unittest.TestCase):
    def test_the_rate_is_kept_without_drift(self):
        clock, calls = Clock(), []

        def job(bio, elapsed):
            calls.append(elapsed)
            clock.now += 0.3

        done = clock.work(job, 1, 5)
        self.assertEqual(calls, [0.0, 1.0, 2.0, 3.0, 4.0])
        self.assertEqual((done.calls, done.skipped, clock.now), (5, 0, 1005.0))

    def test_a_call_that_takes_too_long_skips_turns_and_the_rest_stay_in_step(self):
        clock, calls = Clock(), []

        def job(bio, elapsed):
            calls.append(elapsed)
            clock.now += 2.5 if elapsed == 1.0 else 0.1

        with contextlib.redirect_stderr(io.StringIO()) as text:
            done = clock.work(job, 1, 8)
        self.assertEqual(calls, [0.0, 1.0, 4.0, 5.0, 6.0, 7.0])
        self.assertEqual(done.skipped, 2)
        self.assertEqual(text.getvalue().count("turns are skipped"), 1)

    def test_a_job_is_given_up_only_after_many_failures_over_some_time(self):
        clock = Clock()

        def job(bio):
            raise OSError("gone")

        with contextlib.redirect_stderr(io.StringIO()) as text:
            self.assertEqual(clock.work(job, 1, True).errors, 121)
            self.assertEqual(clock.work(job, 60, True).errors, 20)
        self.assertEqual(text.getvalue().count("was ended"), 2)

    def test_a_success_in_between_starts_the_count_anew(self):
        clock, calls = Clock(), []

        def job(bio):
            calls.append(1)
            if len(calls) % 19:
                raise OSError("gone")

        with contextlib.redirect_stderr(io.StringIO()):
            self.assertIsNone(clock.work(job, 60, 6000).failure)
        self.assertEqual(len(calls), 100)


class WithNode(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.bio = bc.Bioreactor(api_url=self.node.url)
        self.text = io.StringIO()
        stack = contextlib.ExitStack()
        stack.enter_context(contextlib.redirect_stderr(self.text))
        self.addCleanup(stack.close)
        self.addCleanup(self.bio._jobs.stop)


class Running(WithNode):
    def test_run_returns_at_once_and_a_job_ends_after_its_duration(self):
        go, calls = threading.Event(), []

        def job(bio, elapsed):
            self.assertIs(bio, self.bio)
            go.wait(10)
            calls.append(elapsed)

        handle = self.bio.run([(job, 60, 0.2)])
        self.assertTrue(handle.counts()["job"]["running"])
        go.set()
        self.assertTrue(handle.wait(10))
        self.assertEqual(len(calls), 1)
        self.assertEqual(
            handle.counts()["job"], {"calls": 1, "errors": 0, "skipped": 0, "running": False})

    def test_a_duration_of_true_lasts_until_stop_all(self):
        seen = threading.Event()
        handle = self.bio.run([(lambda bio: seen.set(), True, True)])
        self.assertTrue(seen.wait(5))
        self.bio.stop_all()
        self.assertTrue(handle.wait(5))

    def test_an_error_is_told_once_with_its_place_and_the_job_goes_on(self):
        calls = []

        def job(bio):
            calls.append(1)
            if len(calls) < 4:
                raise ValueError("wet")

        handle = self.bio.run([(job, 0.005, True)])
        self.assertTrue(self.bio.wait_until(lambda: len(calls) > 5, timeout_s=10, every_s=0.01))
        handle.stop()
        text = self.text.getvalue()
        self.assertEqual(text.count("Traceback"), 1)
        self.assertIn('raise ValueError("wet")', text)
        self.assertNotIn(os.path.join("bioreactor_client", "jobs.py"), text)

    def test_what_is_no_job_is_refused_before_anything_starts(self):
        for wrong, kind in (
            ([(print, 1)], TypeError), ([("x", 1, 1)], TypeError), ([(print, 0, 1)], ValueError),
            ([(print, -1, 1)], ValueError), ([(print, 1, "8h")], ValueError),
            ([(print, False, 1)], ValueError),
        ):
            with self.assertRaises(kind):
                self.bio.run(wrong)
        self.bio.run([(lambda bio: None, 1, True)])
        with self.assertRaises(RuntimeError):
            self.bio.run([(lambda bio: None, 1, True)])

    def test_a_signal_during_wait_does_not_pass_a_job_off_as_ended(self):
        begun, go_on, calls = threading.Event(), threading.Event(), []

        def job(bio):
            begun.set()
            go_on.wait(10)
            calls.append("done")

        handle = self.bio.run([(job, 60, True)])
        self.assertTrue(begun.wait(5))

        class Told(Exception):
            pass

        def tell(_number, _frame):
            raise Told

        before = signal.signal(signal.SIGALRM, tell)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with self.assertRaises(Told):
                handle.wait()
        finally:
            signal.signal(signal.SIGALRM, before)
        self.assertTrue(handle.counts()["job"]["running"])
        handle.stop()
        go_on.set()
        self.assertTrue(handle.wait(5))
        self.assertEqual(calls, ["done"])

    def test_a_job_that_keeps_failing_is_given_up_and_finish_says_so(self):
        def job(bio):
            raise OSError("gone")

        handle = self.bio.run(
            [(job, 0.01, True)], errors_max=3, errors_for_s=0, on_failure="continue")
        self.assertTrue(handle.wait(5))
        self.assertEqual(handle.counts()["job"]["errors"], 3)
        self.bio.finish()  # "continue": the script was to go on without it
        with self.assertRaises(KeyboardInterrupt):
            handle = self.bio.run([(job, 0.01, True)], errors_max=3, errors_for_s=0)
            time.sleep(10)
        with self.assertRaises(errors.JobFailed) as caught:
            self.bio.finish()
        self.assertIsInstance(caught.exception.__cause__, OSError)
        self.bio.finish()


class Ending(unittest.TestCase):
    def run_script(self, body):
        with Node() as node:
            node.pumps["inflow"] = 1.0
            environment = dict(
                os.environ, BIOREACTOR_NODE_API_URL=node.url,
                PYTHONPATH=os.path.dirname(HERE))
            done = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(body)], env=environment,
                capture_output=True, text=True, timeout=30)
            return done, node

    def test_a_script_whose_job_died_ends_with_everything_at_rest_and_not_as_a_success(self):
        done, node = self.run_script("""
            import time
            from bioreactor_client import Bioreactor
            def job(bio):
                raise ValueError("broken")
            with Bioreactor() as bio:
                bio.run([(job, 0.01, True)], errors_max=3, errors_for_s=0)
                while True:
                    time.sleep(60)
        """)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("JobFailed", done.stderr)
        self.assertEqual(node.pumps["inflow"], 0)

    def test_a_script_that_catches_the_interrupt_still_does_not_end_as_a_success(self):
        done, node = self.run_script("""
            import time
            from bioreactor_client import Bioreactor
            def job(bio):
                raise ValueError("broken")
            with Bioreactor() as bio:
                bio.run([(job, 0.01, True)], errors_max=3, errors_for_s=0)
                try:
                    while True:
                        time.sleep(60)
                except KeyboardInterrupt:
                    print("Stopping")
        """)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, "Stopping\n")
        self.assertEqual(node.pumps["inflow"], 0)


if __name__ == "__main__":
    unittest.main()
