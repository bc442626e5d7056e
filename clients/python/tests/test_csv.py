import contextlib
import csv
import datetime
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

from node_fixture import Node

import bioreactor_client as bc
from bioreactor_client import csv_files

GOLDEN = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "golden")

# The same rows are written by the TypeScript tests, against the same golden files.
ROWS = [
    {
        "timestamp": "2026-01-25T20:35:11.103915", "co2_ppm": 633.0, "temperature": None,
        "od_voltages": [0.12, None, 0.18], "eyespy_voltages": [], "stirrer_duty": 0.0,
        "peltier_duty": 0.0, "peltier_direction": "forward",
        "ring_light_r": 0, "ring_light_g": 0, "ring_light_b": 0,
    },
    {
        "timestamp": "2026-01-25T20:35:21", "co2_ppm": 1e16, "temperature": 25.4,
        "od_voltages": [1e-05, 0.1 + 0.2, float("nan")], "eyespy_voltages": [1.0],
        "stirrer_duty": 35.0, "peltier_duty": 12.0, "peltier_direction": "heat",
        "ring_light_r": 255, "ring_light_g": 128, "ring_light_b": 0,
    },
    {
        "timestamp": "2026-01-25T20:35:31.000001", "co2_ppm": 0.0001, "temperature": float("nan"),
        "od_voltages": [], "eyespy_voltages": [], "stirrer_duty": None, "peltier_duty": None,
        "peltier_direction": 'say "cool", twice', "ring_light_r": None, "ring_light_g": None,
        "ring_light_b": None,
    },
]
# In strict form the stamps are given with their zone, and the moments since the first row.
STRICT_ROWS = [
    dict(row, timestamp=stamp, elapsed_s=elapsed)
    for row, stamp, elapsed in zip(
        ROWS,
        ("2026-01-25T20:35:11.103Z", "2026-01-25T21:35:21.0005+01:00", "2026-01-25T20:35:31.999999Z"),
        (0.0, 9.896, 20.9),
    )
]


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        patch = mock.patch.dict(os.environ, {"OUTPUT_DIR": self.folder})
        patch.start()
        self.addCleanup(patch.stop)
        self.path = os.path.join(self.folder, "experiment_data.csv")
        self.text = io.StringIO()

    def write(self, data, **options):
        with contextlib.redirect_stderr(self.text):
            bc.write_data_to_csv(data, **options)

    def read(self, name="experiment_data.csv"):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def forget(self):
        """As a new process would come: it knows nothing of the file."""
        csv_files._files.clear()


class Legacy(Folder):
    def test_the_bytes_are_those_of_the_original(self):
        for row in ROWS:
            self.write(row)
        with open(os.path.join(GOLDEN, "legacy.csv"), "rb") as file:
            self.assertEqual(self.read(), file.read())

    def test_the_bytes_are_those_of_the_original_also_row_by_row_from_new_processes(self):
        for row in ROWS:
            self.forget()
            self.write(row)
        with open(os.path.join(GOLDEN, "legacy.csv"), "rb") as file:
            self.assertEqual(self.read(), file.read())

    def test_a_later_row_is_never_shifted_under_the_header(self):
        self.write({"timestamp": "a", "co2_ppm": 1.0, "temperature": 2.0})
        self.write({"temperature": 3.0, "timestamp": "b"})
        self.write({"timestamp": "c", "note": "fed", "co2_ppm": 4.0})
        self.write({"timestamp": "d", "note": "again", "temperature": 5.0})
        self.assertEqual(
            self.read(), b"timestamp,co2_ppm,temperature\r\na,1.0,2.0\r\nb,,3.0\r\nc,4.0,\r\nd,,5.0\r\n")
        extra = [json.loads(line) for line in self.read("experiment_data.extra.jsonl").splitlines()]
        self.assertEqual(
            extra, [{"timestamp": "c", "note": "fed"}, {"timestamp": "d", "note": "again"}])
        self.assertEqual(self.text.getvalue().count('"note"'), 1)

    def test_a_timestamp_on_the_full_second_has_no_fraction(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            with mock.patch("time.time", return_value=1769373311.0):
                row = bc.measure_and_write_sensor_data(bio)
            self.assertRegex(row["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
            with mock.patch("time.time", return_value=1769373311.5):
                row = bc.measure_and_write_sensor_data(bio)
            self.assertRegex(row["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.500000$")

    def test_a_line_break_in_a_text_does_not_make_a_line(self):
        self.write({"a": "one\r\ntwo\nthree", "b": 1})
        self.assertEqual(self.read(), b"a,b\r\none two three,1\r\n")


class Strict(Folder):
    def test_the_bytes_are_the_agreed_ones(self):
        for row in STRICT_ROWS:
            self.write(row, form="strict")
        with open(os.path.join(GOLDEN, "strict.csv"), "rb") as file:
            self.assertEqual(self.read(), file.read())
        with open(os.path.join(GOLDEN, "strict.schema.json"), "rb") as file:
            self.assertEqual(
                self.read("experiment_data.schema.json"),
                file.read().replace(b'"strict.', b'"experiment_data.'))

    def test_a_measured_row_gets_utc_and_a_monotonic_elapsed_time(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            for _ in range(2):
                self.write(bc.measure_all_data(bio), form="strict")
                time.sleep(0.02)
        rows = list(csv.DictReader(io.StringIO(self.read().decode())))
        self.assertEqual(list(rows[0])[:3], ["timestamp", "elapsed_s", "co2_ppm"])
        self.assertEqual(float(rows[0]["elapsed_s"]), 0.0)
        self.assertGreater(float(rows[1]["elapsed_s"]), 0.015)
        stamp = datetime.datetime.strptime(rows[0]["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        self.assertLess(abs((now - stamp).total_seconds()), 60)
        self.assertEqual(json.loads(rows[0]["od_voltages"]), [0.12, None, 0.18])

    def test_elapsed_time_goes_on_in_a_file_that_an_earlier_process_began(self):
        began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        with open(self.path, "w", newline="") as file:
            file.write("timestamp,elapsed_s,co2_ppm\n%s,0.0,1.0\n" % (
                began.strftime("%Y-%m-%dT%H:%M:%S.000Z")))
        self.write({"co2_ppm": 2.0}, form="strict")
        row = list(csv.DictReader(io.StringIO(self.read().decode())))[1]
        self.assertLess(abs(float(row["elapsed_s"]) - 3600), 30)

    def test_the_environment_chooses_the_form_and_an_unknown_one_is_refused(self):
        with mock.patch.dict(os.environ, {"CSV_FORM": "strict"}):
            self.write({"co2_ppm": 1.0})
        self.assertTrue(self.read().startswith(b"timestamp,elapsed_s,co2_ppm\n"))
        with self.assertRaises(ValueError):
            self.write({"co2_ppm": 1.0}, form="loose")
        with self.assertRaises(TypeError):
            self.write({})

    def test_the_forms_do_not_mix_in_one_file(self):
        self.write({"a": 1.0})
        with self.assertRaises(ValueError):
            self.write({"a": 2.0}, form="strict")
        self.assertEqual(self.read(), b"a\r\n1.0\r\n")


class Repair(Folder):
    def test_half_a_last_line_is_set_aside_before_anything_is_appended(self):
        for cut in range(1, len(b"2026-01-01T00:00:02,7.25\r")):
            with self.subTest(cut=cut):
                whole = b"timestamp,co2_ppm\r\n2026-01-01T00:00:01,6.0\r\n"
                half = b"2026-01-01T00:00:02,7.25\r\n"[:cut]
                with open(self.path, "wb") as file:
                    file.write(whole + half)
                self.forget()
                self.write({"timestamp": "3", "co2_ppm": 8.0})
                self.assertEqual(self.read(), whole + b"3,8.0\r\n")
                self.assertIn(half, self.read("experiment_data.partial.txt"))

    def test_a_row_that_lacks_only_its_last_byte_is_kept(self):
        with open(self.path, "wb") as file:
            file.write(b"a,b\r\n1,2\r")
        self.write({"a": 3, "b": 4})
        self.assertEqual(self.read(), b"a,b\r\n1,2\r\n3,4\r\n")

    def test_what_somebody_else_did_to_the_file_in_between_is_seen(self):
        self.write({"a": 1, "b": 2})
        with open(self.path, "ab") as file:
            file.write(b"3,")
        self.write({"a": 5, "b": 6})
        self.assertEqual(self.read(), b"a,b\r\n1,2\r\n5,6\r\n")
        os.unlink(self.path)
        self.write({"c": 7})
        self.assertEqual(self.read(), b"c\r\n7\r\n")

    def test_half_a_header_is_written_anew(self):
        with open(self.path, "wb") as file:
            file.write(b"timest")
        self.write({"timestamp": "1"})
        self.assertEqual(self.read(), b"timestamp\r\n1\r\n")

    def test_blocks_of_zeros_left_by_a_power_cut_are_dropped(self):
        with open(self.path, "wb") as file:
            file.write(b"a,b\r\n1,2\r\n" + b"\0" * 70000)
        self.write({"a": 3, "b": 4})
        self.assertEqual(self.read(), b"a,b\r\n1,2\r\n3,4\r\n")

    def test_a_full_disk_raises_and_leaves_the_rows_before_whole(self):
        script = (
            "import sys, os, resource, signal\n"
            "sys.path.insert(0, %r)\n"
            "import bioreactor_client as bc\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "try:\n"
            "    for n in range(1000): bc.write_data_to_csv({'n': n, 'text': 'x' * 20})\n"
            "except OSError as error:\n"
            "    print(type(error).__name__, error.errno)\n"
        ) % os.path.dirname(os.path.dirname(os.path.abspath(bc.__file__)))
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.stdout, done.stderr), ("OSError 27\n", ""))
        lines = self.read().split(b"\r\n")
        self.assertEqual(lines[-1], b"")
        self.assertEqual([line.split(b",")[1] for line in lines[1:-1]], [b"x" * 20] * (len(lines) - 2))

    def test_a_process_killed_at_any_moment_leaves_a_file_that_goes_on(self):
        script = (
            "import sys\n"
            "sys.path.insert(0, %r)\n"
            "import bioreactor_client as bc\n"
            "n = int(sys.argv[1])\n"
            "print('up', flush=True)\n"
            "while True:\n"
            "    bc.write_data_to_csv({'n': n, 'text': 'x' * 50}); n += 1\n"
        ) % os.path.dirname(os.path.dirname(os.path.abspath(bc.__file__)))
        for life in range(3):
            child = subprocess.Popen(
                [sys.executable, "-c", script, str(life * 1000000)], stdout=subprocess.PIPE)
            child.stdout.readline()
            deadline = time.monotonic() + 10
            while not os.path.exists(self.path) and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(0.05)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
        lines = self.read().split(b"\r\n")
        self.assertEqual(lines[0], b"n,text")
        numbers = [int(line.split(b",")[0]) for line in lines[1:-1]]
        self.assertGreater(len(numbers), 3)
        for before, after in zip(numbers, numbers[1:]):
            self.assertTrue(after == before + 1 or after % 1000000 == 0, (before, after))


class Many(Folder):
    def test_threads_may_write_one_file(self):
        threads = [
            threading.Thread(
                target=lambda k=k: [self.write({"k": k, "n": n}) for n in range(50)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = list(csv.DictReader(io.StringIO(self.read().decode(), newline="")))
        self.assertEqual(
            sorted((int(row["k"]), int(row["n"])) for row in rows),
            [(k, n) for k in range(4) for n in range(50)])

    def test_a_row_costs_little(self):
        row = dict(ROWS[0])
        start = time.process_time()
        for _ in range(500):
            self.write(row)
        self.assertLess(time.process_time() - start, 2.0)


class Checkpoints(Folder):
    def test_a_checkpoint_is_whole_or_not_there(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            self.assertEqual(bio.load_checkpoint({"n": 0}), {"n": 0})
            bio.checkpoint({"n": 3, "text": "µ"})
            self.assertEqual(bio.load_checkpoint(), {"n": 3, "text": "µ"})
            with self.assertRaises(TypeError):
                bio.checkpoint({"n": object()})
            with self.assertRaises(ValueError):
                bio.checkpoint({"n": float("nan")})
            self.assertEqual(bio.load_checkpoint(), {"n": 3, "text": "µ"})
            with open(os.path.join(self.folder, "checkpoint.json"), "w") as file:
                file.write("{")
            with self.assertRaises(bc.BioreactorError):
                bio.load_checkpoint()


assert resource  # limits are needed by the tests above: absent on systems they cannot run on

if __name__ == "__main__":
    unittest.main()
