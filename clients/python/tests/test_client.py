import contextlib
import inspect
import io
import os
import pickle
import socket
import threading
import time
import unittest
from unittest import mock

from node_fixture import Node

import bioreactor_client as bc
from bioreactor_client import errors, functions


def quiet():
    return contextlib.redirect_stderr(io.StringIO())


class WithNode(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        self.bio = bc.Bioreactor(api_url=self.node.url)


class Commands(WithNode):
    def test_every_change_reaches_the_instrument_as_it_was_asked(self):
        bio, node = self.bio, self.node
        bio.change_led(True)
        self.assertEqual(node.led, 100)
        bio.change_led(15.0)
        self.assertEqual(node.led, 15)
        bio.change_led(False)
        self.assertEqual(node.led, 0)
        bio.change_peltier(30, True)
        self.assertEqual(node.peltier, {"duty_cycle": 30, "direction": "heat"})
        bio.change_peltier(power=20, forward=False)
        self.assertEqual(node.peltier, {"duty_cycle": 20, "direction": "cool"})
        bio.change_pump("inflow", 0.5)
        self.assertEqual(node.pumps["inflow"], 0.5)
        bio.change_pump(pump_name="inflow", ml_per_sec=0.0)
        self.assertEqual(node.pumps["inflow"], 0)
        bio.change_stirrer(35)
        self.assertEqual(node.stirrer, 35)

    def test_the_ring_light_takes_both_spellings(self):
        bio, node = self.bio, self.node
        bio.change_ring_light(1, 2, 3)
        self.assertEqual(node.ring, (1, 2, 3))
        bio.change_ring_light([4, 5, 6])
        self.assertEqual(node.ring, (4, 5, 6))
        bio.change_ring_light(color=(7, 8, 9))
        self.assertEqual(node.ring, (7, 8, 9))
        bio.change_ring_light(red=1, green=1, blue=1, pixel=4)
        bio.change_ring_light([2, 2, 2], 5)
        bio.change_ring_light([3, 3, 3], pixel=6)
        self.assertEqual(node.pixels, {4: (1, 1, 1), 5: (2, 2, 2), 6: (3, 3, 3)})
        self.assertEqual(node.ring, (7, 8, 9))
        with self.assertRaises(TypeError):
            bio.change_ring_light(1, 2)
        with self.assertRaises(errors.OutOfRange):
            bio.change_ring_light([1, 2])

    def test_a_refused_value_is_an_error_that_old_scripts_catch(self):
        with self.assertRaises(ConnectionError) as caught:
            self.bio.change_stirrer(120)
        error = caught.exception
        self.assertIsInstance(error, ValueError)
        self.assertEqual((error.code, error.status, error.component), ("out_of_range", 422, "stirrer"))
        self.assertIn("120 is not in 0 to 100", str(error))
        with self.assertRaises(errors.OutOfRange) as caught:
            self.bio.change_ring_light(300, 0, 0)
        self.assertIn("red: 0 to 255", str(caught.exception))

    def test_an_unknown_pump_and_a_held_device_have_their_own_errors(self):
        with self.assertRaises(errors.UnknownComponent) as caught:
            self.bio.change_pump("tube_9_in", 1)
        self.assertEqual(caught.exception.component, "pumps/tube_9_in")
        self.node.held = "experiment 41"
        with self.assertRaises(errors.DeviceHeld) as caught:
            self.bio.change_stirrer(10)
        self.assertIn("experiment 41", str(caught.exception))

    def test_every_command_carries_the_token_and_a_key_of_its_own(self):
        with mock.patch.dict(os.environ, {"EXPERIMENT_TOKEN": "hf_secret"}):
            bio = bc.Bioreactor(api_url=self.node.url)
        bio.change_stirrer(1)
        bio.change_stirrer(1)
        sent = [headers for method, _, _, headers in self.node.requests if method == "POST"]
        self.assertEqual({one["Authorization"] for one in sent}, {"Bearer hf_secret"})
        self.assertEqual(len({one["Idempotency-Key"] for one in sent}), 2)

    def test_relays_move_and_doses_end_by_themselves(self):
        bio, node = self.bio, self.node
        self.assertEqual(bio.change_relay("relay_1", "closed"), "closed")
        self.assertTrue(node.relays["relay_1"])
        self.assertEqual(bio.get_relay_state("relay_1"), "closed")
        self.assertEqual(bio.change_relay("relay_1", "toggle"), "open")
        self.assertFalse(node.relays["relay_1"])
        bio.relay_dose("relay_2", 0.05)
        self.assertFalse(node.relays["relay_2"])
        self.assertIn(("/api/v1/devices/relay-2/commands", {"op": "pulse", "args": {"seconds": 0.05}}),
                      node.posts())
        self.assertEqual(bio.dose("inflow", 0.05, 1.0), 0.05)
        with self.assertRaises(errors.OutOfRange):
            bio.change_relay("relay_1", "ajar")
        with self.assertRaises(errors.UnknownComponent) as caught:
            bio.change_relay("relay_9", "open")
        self.assertIn("relay_1, relay_2", str(caught.exception))

    def test_a_dose_that_ended_early_says_how_much_it_gave(self):
        self.node.dose_cut = 0.02
        with self.assertRaises(errors.CommandFailed) as caught:
            self.bio.dose("inflow", 0.05, 1.0)
        self.assertEqual(caught.exception.code, "dose_cut_short")
        self.assertIn("0.02", str(caught.exception))


class Readings(WithNode):
    def test_short_methods_return_bare_numbers(self):
        bio = self.bio
        self.assertEqual(bio.get_co2(), 633.0)
        self.assertIsInstance(bio.get_co2(), float)
        self.assertEqual(bio.get_o2(), 20.9)
        self.assertEqual(bio.get_temperature(), 25.4)
        self.assertEqual(bio.get_od_voltages(), [0.12, None, 0.18])
        self.assertEqual(bio.get_eyespy_voltages(), [])
        self.assertEqual(bio.get_photodiodes(), [0.12, None, 0.18])
        self.assertEqual(bio.get_vial_temp(), [25.4, None, None, None])
        self.assertEqual(bio.get_io_temp(), [None, None])
        self.assertEqual(bio.get_peltier_curr(), 1.5)
        bio.change_stirrer(30)
        self.assertEqual(bio.get_stirrer_state(), {"duty_cycle": 30.0, "active": True})
        self.assertEqual(
            bio.get_peltier_state(), {"duty_cycle": 0.0, "direction": "forward", "active": False})
        bio.change_ring_light(1, 2, 3)
        self.assertEqual(
            bio.get_ring_light_state(), {"red": 1, "green": 2, "blue": 3, "active": True})

    def test_a_fault_is_never_a_number(self):
        self.assertEqual(self.bio.get_co2(), 633.0)
        self.node.co2 = None
        with self.assertRaises(errors.SensorFault) as caught:
            self.bio.get_co2()
        self.assertEqual(caught.exception.last_good.value, 633.0)
        self.node.temperature = None
        self.assertIsNone(self.bio.get_temperature())
        self.node.fail["/api/v3/stirrer/state"] = (503, {"detail": "gone", "code": "device_offline"})
        with self.assertRaises(errors.SensorFault):
            self.bio.get_stirrer_state()

    def test_a_component_this_instrument_lacks_is_empty_or_unknown(self):
        self.node.components.remove("optical_density")
        self.node.components.remove("co2_sensor")
        self.assertEqual(self.bio.get_od_voltages(), [])
        with self.assertRaises(errors.UnknownComponent):
            self.bio.get_co2()

    def test_get_all_gives_value_unit_age_and_quality(self):
        every = self.bio.get_all()
        one = every["temperature.temperature"]
        self.assertEqual((one.value, one.unit, one.quality, one.code), (25.4, "°C", "good", None))
        self.assertTrue(0.4 < one.age_s < 5 and one.ok)
        self.assertEqual(one.at.utcoffset().total_seconds(), 0)
        old = self.bio.get_all(max_age_s=5)["temperature.heat_sink"]
        self.assertEqual((old.value, old.quality, old.ok), (None, "stale", False))
        self.node.temperature = None
        bad = self.bio.get_all()["temperature.temperature"]
        self.assertEqual((bad.value, bad.quality, bad.code), (None, "bad", "disconnected"))

    def test_the_plain_client_returns_the_replies(self):
        client = bc.BioreactorClient(self.node.url)
        self.assertEqual(client.get_status()["status"], "operational")
        self.assertEqual(client.get_sensors()["co2_ppm"], 633)
        self.assertEqual(client.get_photodiodes()["readings"], [0.12, None, 0.18])
        self.assertEqual(client.get_temperature()["temperature"], 25.4)
        self.assertEqual(client.get_co2()["co2_ppm"], 633)
        client.control_led(True)
        client.control_ring_light([1, 2, 3])
        client.control_peltier(10, "cool")
        client.control_pump("outflow", 0.2)
        client.control_stirrer(12)
        node = self.node
        self.assertEqual((node.led, node.ring, node.stirrer), (100, (1, 2, 3), 12))
        self.assertEqual(node.peltier, {"duty_cycle": 10, "direction": "cool"})
        self.assertEqual(node.pumps["outflow"], 0.2)


class Names(WithNode):
    def test_names_that_never_existed_name_the_right_call(self):
        for target, name, right in (
            (self.bio.client, "read_co2_sensor", "get_co2"),
            (self.bio.client, "_request", "get_sensors"),
            (self.bio, "read_co2_sensor", "get_co2"),
            (self.bio, "set_ring_light", "change_ring_light"),
        ):
            with self.assertRaises(AttributeError) as caught:
                getattr(target, name)
            self.assertIn(right, str(caught.exception))
        with self.assertRaises(AttributeError):
            self.bio.nonsense

    def test_signatures_of_the_originals_hold(self):
        def names(function):
            return list(inspect.signature(function).parameters)

        for function, first in (
            (bc.BioreactorClient.__init__, ["self", "api_url"]),
            (bc.BioreactorClient.control_led, ["self", "state"]),
            (bc.BioreactorClient.control_ring_light, ["self", "color", "pixel"]),
            (bc.BioreactorClient.control_peltier, ["self", "power", "direction"]),
            (bc.BioreactorClient.control_pump, ["self", "name", "velocity"]),
            (bc.BioreactorClient.control_stirrer, ["self", "duty_cycle"]),
            (bc.Bioreactor.change_led, ["self", "state"]),
            (bc.Bioreactor.change_peltier, ["self", "power", "forward"]),
            (bc.Bioreactor.change_pump, ["self", "pump_name", "ml_per_sec"]),
            (bc.Bioreactor.change_stirrer, ["self", "duty_cycle"]),
            (bc.Bioreactor.change_ring_light, ["self", "red", "green", "blue", "pixel"]),
            (bc.measure_and_write_sensor_data, ["bioreactor", "elapsed"]),
            (bc.measure_all_data, ["bioreactor", "include_controls", "elapsed"]),
            (bc.write_data_to_csv, ["data", "filename", "output_dir"]),
            (bc.pid_controller, ["bioreactor", "setpoint", "current_temp", "kp", "ki", "kd", "dt",
                                 "elapsed"]),
            (bc.balanced_flow, ["bioreactor", "pump_name", "ml_per_sec", "elapsed"]),
            (bc.ring_light_cycle, ["bioreactor", "color", "on_time", "off_time", "elapsed"]),
        ):
            self.assertEqual(names(function)[: len(first)], first, function)
        defaults = {
            name: one.default for name, one in inspect.signature(bc.pid_controller).parameters.items()
        }
        self.assertEqual(
            [defaults[name] for name in ("current_temp", "kp", "ki", "kd", "dt", "elapsed")],
            [None, 10.0, 1.0, 0.0, 1.0, None])
        self.assertEqual(bc.Config(a=1, b="x").b, "x")

    def test_errors_survive_pickling(self):
        error = errors.SensorFault("m", component="co2_sensor", code="no_ack", status=503)
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(again), str(again), again.code), (errors.SensorFault, "m", "no_ack"))


class Transport(unittest.TestCase):
    def test_an_instrument_that_is_down_raises_at_once_that_it_is(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = "http://127.0.0.1:%d" % free.getsockname()[1]
        with quiet(), self.assertRaises(ConnectionError) as caught:
            bc.Bioreactor(api_url=url, patience_s=0.3)
        self.assertEqual(caught.exception.code, "api_away")
        self.assertIn(url, str(caught.exception))

    def test_a_read_outlives_a_restart_and_says_so_once(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            away = (503, {"detail": "it is restarting", "code": "api_away"})
            node.fail["/api/v3/co2_sensor/state"] = away
            threading.Timer(0.5, node.fail.clear).start()
            text = io.StringIO()
            with contextlib.redirect_stderr(text):
                self.assertEqual(bio.get_co2(), 633.0)
            lines = text.getvalue().splitlines()
            self.assertEqual(len(lines), 2, lines)
            self.assertIn("trying again for up to 60 s", lines[0])
            self.assertIn("answered after", lines[1])

    def test_once_the_api_is_back_a_read_notices_within_half_a_second(self):
        # A script that measures each second must lose no row to waiting after the outage is over.
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            node.fail["/api/v3/co2_sensor/state"] = (503, {"detail": "x", "code": "api_away"})
            pauses = []

            def sleep(seconds):
                pauses.append(seconds)
                if len(pauses) == 40:
                    node.fail.clear()

            with quiet(), mock.patch("bioreactor_client.scaled_time.real_sleep", sleep):
                self.assertEqual(bio.get_co2(), 633.0)
            self.assertLessEqual(max(pauses), 0.5)

    def test_patience_is_bounded_and_used_up_once(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url, patience_s=0.3)
            node.fail["/api/v3/co2_sensor/state"] = (503, {"detail": "x", "code": "api_away"})
            with quiet(), self.assertRaises(errors.ApiAway):
                bio.get_co2()
            asked = len(node.requests)
            with self.assertRaises(errors.ApiAway):
                bio.get_co2()
            self.assertEqual(len(node.requests), asked + 1)
            node.fail.clear()
            self.assertEqual(bio.get_co2(), 633.0)

    def test_a_command_that_was_sent_is_never_sent_again(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            node.fail["/api/v3/pumps/control"] = (None, 0)
            with self.assertRaises(errors.ApiAway) as caught:
                bio.change_pump("inflow", 1)
            self.assertEqual(caught.exception.code, "no_answer")
            self.assertIn("may have been carried out", str(caught.exception))
            self.assertEqual(len(node.posts("/api/v3/pumps/control")), 1)

    def test_a_command_that_could_not_be_sent_waits_for_the_api(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url)
            node.fail["/api/v3/stirrer/control"] = (503, {"detail": "x", "code": "api_away"})
            threading.Timer(0.3, node.fail.clear).start()
            with quiet():
                bio.change_stirrer(20)
            self.assertEqual(node.stirrer, 20)

    def test_every_call_has_a_timeout(self):
        with Node() as node:
            bio = bc.Bioreactor(api_url=node.url, timeout_s=0.2, patience_s=0)
            node.fail["/api/v3/co2_sensor/state"] = (None, 5)
            start = time.monotonic()
            with self.assertRaises(errors.ApiAway) as caught:
                bio.get_co2()
            self.assertLess(time.monotonic() - start, 2)
            self.assertIn("timed out", str(caught.exception))

    def test_an_address_that_is_none_is_refused(self):
        for url in ("ftp://x", "http://", "//"):
            with self.assertRaises(ValueError):
                bc.BioreactorClient(url)


class Ending(WithNode):
    def drive(self):
        bio = self.bio
        bio.change_led(True)
        bio.change_peltier(30, True)
        bio.change_pump("inflow", 1)
        bio.change_pump("outflow", 1)
        bio.change_stirrer(40)
        bio.change_ring_light(9, 9, 9)
        bio.change_relay("relay_2", "closed")

    def assert_at_rest(self):
        node = self.node
        self.assertEqual((node.led, node.stirrer, node.ring), (0, 0, (0, 0, 0)))
        self.assertEqual(node.peltier["duty_cycle"], 0)
        self.assertEqual(set(node.pumps.values()), {0})
        self.assertEqual(set(node.relays.values()), {False})

    def test_finish_brings_everything_to_rest(self):
        self.drive()
        self.bio.finish()
        self.assert_at_rest()
        self.bio.finish()

    def test_the_context_manager_ends_it_whatever_happened(self):
        with self.assertRaises(ZeroDivisionError):
            with self.bio:
                self.drive()
                1 / 0
        self.assert_at_rest()

    def test_what_fails_to_stop_does_not_keep_the_rest_from_it(self):
        self.drive()
        self.node.fail["/api/v3/peltier_driver/control"] = (500, {"detail": "bus error"})
        with self.assertRaises(errors.StopIncomplete) as caught:
            self.bio.stop_all()
        self.assertEqual([name for name, _ in caught.exception.failures], ["peltier_driver"])
        self.node.peltier["duty_cycle"] = 0
        self.assert_at_rest()

    def test_an_error_of_the_script_is_not_hidden_by_one_of_the_clean_up(self):
        self.node.fail["/api/v3/led/control"] = (500, {"detail": "bus error"})
        text = io.StringIO()
        with contextlib.redirect_stderr(text), self.assertRaises(ZeroDivisionError):
            with self.bio:
                1 / 0
        self.assertIn("bus error", text.getvalue())

    def test_a_stopped_instrument_is_at_rest(self):
        stopped = (409, {"detail": "STOP was pressed", "code": "instrument_stopped"})
        for path in ("led", "peltier_driver", "stirrer", "ring_light", "pumps"):
            self.node.fail["/api/v3/%s/control" % path] = stopped
        self.bio.stop_all()


class Runs(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)
        patch = mock.patch.dict(os.environ, {"EXPERIMENT_ID": "01EXP"})
        patch.start()
        self.addCleanup(patch.stop)
        self.bio = bc.Bioreactor(api_url=self.node.url)

    def test_events_and_phases_are_the_experiments(self):
        self.bio.log_event("inoculated")
        self.bio.set_phase("growth")
        self.assertEqual((self.node.notes, self.node.phases), (["inoculated"], ["growth"]))
        with self.assertRaises(ValueError):
            self.bio.log_event("  ")

    def test_a_pause_is_asked_for_at_most_once_a_second(self):
        self.assertFalse(self.bio.pause_requested())
        self.node.experiment = {"state": "holding"}
        self.assertFalse(self.bio.pause_requested())
        self.bio.experiment._asked_at -= 2
        self.assertTrue(self.bio.pause_requested())

    def test_a_command_waits_while_the_experiment_is_held(self):
        self.node.experiment = {"state": "holding"}
        refusal = 409, {"code": "experiment_holding", "detail": "the experiment is held"}
        self.node.fail["/api/v3/stirrer/control"] = refusal

        def release():
            while not any(m == "GET" and "/experiments/" in at for m, at, _, _ in self.node.requests):
                time.sleep(0.01)
            del self.node.fail["/api/v3/stirrer/control"]
            self.node.experiment = {"state": "running"}

        helper = threading.Thread(target=release)
        with mock.patch("bioreactor_client.transport.HOLD_LOOK_S", 0.02):
            helper.start()
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.bio.change_stirrer(30)
            helper.join()
        self.assertEqual(self.node.stirrer, 30)
        self.assertIn("waiting for its release", said.getvalue())
        self.node.fail["/api/v3/stirrer/control"] = refusal
        with self.assertRaises(bc.DeviceHeld):
            self.bio.client.api.post(
                "/api/v3/stirrer/control", {"duty_cycle": 10}, component="stirrer", patience_s=0.0)

    def test_without_an_experiment_words_go_to_stderr(self):
        with mock.patch.dict(os.environ):
            del os.environ["EXPERIMENT_ID"]
            bio = bc.Bioreactor(api_url=self.node.url)
        text = io.StringIO()
        with contextlib.redirect_stderr(text):
            bio.log_event("hello")
            bio.set_phase("lag")
        self.assertEqual(text.getvalue().count("\n"), 2)
        self.assertFalse(bio.pause_requested())
        self.assertEqual(self.node.notes, [])

    def test_wait_until_takes_a_moment_or_a_condition(self):
        bio = self.bio
        self.assertTrue(bio.wait_until(time.time() + 0.05))
        seen = []
        self.assertTrue(bio.wait_until(lambda: seen.append(1) or len(seen) >= 3, every_s=0.01))
        self.assertEqual(len(seen), 3)
        self.assertFalse(bio.wait_until(lambda b: b is None, timeout_s=0.05, every_s=0.01))


class Control(WithNode):
    def duty(self):
        return self.node.peltier["duty_cycle"], self.node.peltier["direction"]

    def test_the_controller_heats_below_and_cools_above(self):
        bc.pid_controller(self.bio, 37.0, current_temp=35.0, ki=0)
        self.assertEqual(self.duty(), (20, "heat"))
        bc.pid_controller(self.bio, 37.0, current_temp=38.25, ki=0)
        self.assertEqual(self.duty(), (12, "cool"))

    def test_it_reads_the_temperature_itself_and_keeps_to_the_peltiers_limits(self):
        bc.pid_controller(self.bio, 37.0)
        self.assertEqual(self.duty(), (70, "heat"))
        self.node.temperature = 60.0
        bc.pid_controller(self.bio, 37.0)
        self.assertEqual(self.duty(), (40, "cool"))
        self.assertFalse(self.node.limited)

    def test_without_a_reading_nothing_is_assumed(self):
        bio, node = self.bio, self.node
        node.temperature = 36.0
        bc.pid_controller(bio, 37.0, ki=1.0)
        before, integral = self.duty(), bio._temp_integral
        self.assertGreater(before[0], 0)
        node.temperature = None
        with quiet():
            for _ in range(2):
                self.assertIsNone(bc.pid_controller(bio, 37.0))
                self.assertEqual(self.duty(), before)
            bc.pid_controller(bio, 37.0)
            self.assertEqual(self.duty()[0], 0)
            for _ in range(20):
                bc.pid_controller(bio, 37.0)
            self.assertEqual(bio._temp_integral, integral)
            node.temperature = 36.0
            for _ in range(2):
                bc.pid_controller(bio, 37.0)
                self.assertEqual(self.duty()[0], 0)
            bc.pid_controller(bio, 37.0)
        self.assertGreater(self.duty()[0], 0)

    def test_a_reading_that_is_not_a_number_is_no_reading(self):
        self.assertIsNone(bc.pid_controller(self.bio, 37.0, current_temp=float("nan")))
        self.assertEqual(self.node.posts(), [])

    def test_the_integral_never_winds_up(self):
        for _ in range(1000):
            bc.pid_controller(self.bio, 37.0, current_temp=20.0)
        self.assertLessEqual(self.bio._temp_integral, 70.0)
        bc.pid_controller(self.bio, 37.0, current_temp=46.0)
        self.assertEqual(self.duty()[1], "cool")

    def test_a_balanced_flow_starts_with_the_pump_that_takes_out(self):
        bc.balanced_flow(self.bio, "inflow", 0.5)
        order = [body["pump_name"] for _, body in self.node.posts()]
        self.assertEqual(order, ["outflow", "inflow"])
        bc.balanced_flow(self.bio, "outflow", 0)
        order = [body["pump_name"] for _, body in self.node.posts()][2:]
        self.assertEqual(order, ["inflow", "outflow"])
        with self.assertRaises(ValueError):
            bc.balanced_flow(self.bio, "feed", 1)
        self.assertEqual(functions._pair("tube_1_in"), ("tube_1_in", "tube_1_out"))
        self.assertEqual(functions._pair("tube_1_out"), ("tube_1_in", "tube_1_out"))

    def test_a_balanced_flow_that_fails_leaves_no_pump_running(self):
        bc.balanced_flow(self.bio, "inflow", 0.5)
        with self.assertRaises(errors.OutOfRange):
            bc.balanced_flow(self.bio, "inflow", 99)
        self.assertEqual(set(self.node.pumps.values()), {0})

    def test_the_light_cycle_follows_the_elapsed_time(self):
        shown = []
        for elapsed in range(0, 200, 10):
            bc.ring_light_cycle(self.bio, (5, 6, 7), on_time=60, off_time=40, elapsed=elapsed)
            shown.append(self.node.ring == (5, 6, 7))
        self.assertEqual(shown, [t % 100 < 60 for t in range(0, 200, 10)])
        self.assertEqual(len(self.node.posts()), 4)
        bio = bc.Bioreactor(api_url=self.node.url)
        bc.ring_light_cycle(bio, on_time=60, off_time=40, elapsed=90, start_on=True)
        self.assertEqual(self.node.ring, (0, 0, 0))

    def test_the_light_is_told_again_once_a_minute(self):
        bc.ring_light_cycle(self.bio, (5, 6, 7), on_time=600, off_time=40, elapsed=1)
        self.node.ring = (0, 0, 0)  # a restart of the runtime made everything safe
        self.bio._ring_cycle["at"] -= 61
        bc.ring_light_cycle(self.bio, (5, 6, 7), on_time=600, off_time=40, elapsed=62)
        self.assertEqual(self.node.ring, (5, 6, 7))


class Measuring(WithNode):
    def test_a_row_has_the_columns_of_the_guide_in_order(self):
        row = bc.measure_all_data(self.bio)
        self.assertEqual(list(row), [
            "timestamp", "co2_ppm", "temperature", "od_voltages", "eyespy_voltages", "stirrer_duty",
            "peltier_duty", "peltier_direction", "ring_light_r", "ring_light_g", "ring_light_b"])
        self.assertEqual(row["co2_ppm"], 633.0)
        self.assertEqual(
            list(bc.measure_all_data(self.bio, include_controls=False, elapsed=3)),
            ["timestamp", "co2_ppm", "temperature", "od_voltages", "eyespy_voltages", "elapsed"])
        self.assertEqual(
            list(bc.measure_and_write_sensor_data(self.bio, 1.5))[-1], "elapsed")

    def test_a_missing_sensor_is_none_and_is_said_once(self):
        self.node.co2 = None
        self.node.components.remove("ring_light")
        text = io.StringIO()
        with contextlib.redirect_stderr(text):
            for _ in range(3):
                row = bc.measure_all_data(self.bio)
            self.node.co2 = 500
            bc.measure_all_data(self.bio)
        self.assertIsNone(row["co2_ppm"])
        self.assertIsNone(row["ring_light_r"])
        self.assertEqual(len(text.getvalue().splitlines()), 2, text.getvalue())
        self.assertIn("co2_ppm is back", text.getvalue())


if __name__ == "__main__":
    unittest.main()
