import contextlib
import csv
import io as text_io
import logging
import math
import os
import random
import tempfile
import unittest
from functools import partial
from unittest import mock

from node_fixture import Node

import src
from src import growth, io, utils
from src.bioreactor import Bioreactor
from src.config import Config


class Laboratory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.node = Node()
        self.addCleanup(self.node.close)
        patch = mock.patch.dict(
            os.environ, {"OUTPUT_DIR": self.folder, "BIOREACTOR_NODE_API_URL": self.node.url})
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(self.forget_log)
        config = Config()
        config.LOG_TO_TERMINAL = False
        config.USE_TIMESTAMPED_FILENAME = False
        self.bio = Bioreactor(config)

    @staticmethod
    def forget_log():
        logger = logging.getLogger("bioreactor_client")
        for handler in logger.handlers[:]:
            handler.close()
            logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    def rows(self):
        with open(os.path.join(self.folder, "bioreactor_data.csv"), newline="") as file:
            return list(csv.DictReader(file))


class Names(Laboratory):
    def test_star_imports_bring_what_scripts_call(self):
        names = {}
        exec("from src import *\nfrom src.utils import *\nfrom src.io import *", names)
        for name in (
            "Bioreactor", "Config", "utils", "measure_and_record_sensors", "temperature_profile",
            "temperature_pid_controller", "relay_schedule", "ring_light_cycle", "balanced_flow",
            "turbidostat_ekf_mode", "chemostat_mode", "independent_flow", "pid_controller",
            "measure_and_write_sensor_data", "ExtendedKalmanFilter", "turbidostat_od_controller",
            "change_pump", "read_all_eyespy_boards", "measure_od", "read_co2", "read_o2", "set_led",
            "set_ring_light", "set_peltier_power", "set_stirrer_speed", "relay_on", "relay_off",
            "toggle_relay", "get_all_relay_states", "all_relays_off", "stop_all_pumps",
        ):
            self.assertIn(name, names)
        import bioreactor

        self.assertIs(bioreactor.Bioreactor, src.Bioreactor)

    def test_a_script_changes_its_own_settings(self):
        one, other = Config(), Config(DATA_OUT_FILE="x.csv")
        one.INIT_COMPONENTS["pumps"] = False
        self.assertTrue(other.INIT_COMPONENTS["pumps"] and Config.INIT_COMPONENTS["pumps"])
        self.assertEqual(other.DATA_OUT_FILE, "x.csv")
        bio = Bioreactor(one)
        self.assertFalse(bio.is_component_initialized("pumps"))
        self.assertTrue(bio.is_component_initialized("ring_light"))
        self.assertEqual(bio.pumps, {})
        self.assertEqual(self.node.stirrer, 30.0)

    def test_single_commands_and_readings(self):
        bio, node = self.bio, self.node
        bio.ring_light_driver.set_color((9, 8, 7))
        self.assertEqual(io.get_ring_light_color(bio), (9, 8, 7))
        bio.ring_light_driver.off()
        self.assertEqual(node.ring, (0, 0, 0))
        io.change_pump(bio, "inflow", ml_per_sec=2.0, direction="forward")
        self.assertEqual(node.pumps["inflow"], 2.0)
        with self.assertLogs("bioreactor_client", "WARNING"):
            io.change_pump(bio, "inflow", ml_per_sec=2.0, direction="reverse")
        self.assertEqual(node.pumps["inflow"], 0)
        io.change_pump(bio, "inflow", ml_per_sec=2.0)
        io.stop_all_pumps(bio)
        self.assertEqual(set(node.pumps.values()), {0})
        io.set_peltier_power(bio, 20, forward="cool")
        self.assertEqual(io.get_peltier_state(bio), (20.0, False))
        with bio.led_context():
            self.assertEqual(node.led, 100)
        self.assertEqual(node.led, 0)
        self.assertTrue(io.relay_on(bio, "relay_2"))
        self.assertEqual(io.get_all_relay_states(bio), {"relay_1": False, "relay_2": True})
        io.all_relays_off(bio)
        self.assertFalse(node.relays["relay_2"])
        self.assertEqual(
            io.measure_od(bio, 30, 0.5, "all"), {"135": 0.12, "Ref": None, "90": 0.18})
        self.assertEqual(io.read_voltage(bio, "90"), 0.18)
        self.assertEqual(io.read_all_eyespy_boards(bio), {})
        node.temperature = node.co2 = None
        self.assertTrue(math.isnan(io.get_temperature(bio)))
        self.assertIsNone(io.read_co2(bio))


class Jobs(Laboratory):
    def test_a_recorded_row_has_the_laboratorys_columns(self):
        utils.measure_and_record_sensors(self.bio, elapsed=0, led_power=15.0)
        utils.measure_and_record_sensors(self.bio, elapsed=20.0)
        first, second = self.rows()
        self.assertEqual(list(first), [
            "time", "elapsed_time", "OD_135_V", "OD_Ref_V", "OD_90_V", "temperature_C", "CO2_ppm",
            "O2_percent", "peltier_duty", "peltier_forward", "ring_light_R", "ring_light_G",
            "ring_light_B", "pump_inflow_time_s", "pump_outflow_time_s", "ekf_od_est",
            "ekf_growth_rate", "ekf_doubling_time_s", "ekf_od_std", "ekf_growth_rate_std",
            "ekf_doubling_time_std_s"])
        self.assertRegex(first["time"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual((first["OD_135_V"], first["OD_Ref_V"]), ("0.12", ""))
        self.assertEqual((second["elapsed_time"], second["peltier_forward"]), ("20.0", "1"))

    def test_schedules_follow_the_elapsed_time(self):
        steps = [(60, "relay_1", True), (100, "relay_1", False), (None, "relay_1", True),
                 (30, "relay_2", False), (None, "relay_2", True)]
        seen = []
        for elapsed in (0, 59, 60, 159, 160, 10**6):
            utils.relay_schedule(self.bio, steps, elapsed=elapsed)
            seen.append((self.node.relays["relay_1"], self.node.relays["relay_2"]))
        self.assertEqual(seen, [(True, False), (True, True), (False, True), (False, True),
                                (True, True), (True, True)])
        self.assertEqual(
            len([1 for path, _ in self.node.posts() if path.endswith("/commands")]), 5)

    def test_a_profile_heats_towards_its_step(self):
        self.node.temperature = 24.0
        profile = [(100, 25.0), (None, 20.0)]
        utils.temperature_profile(self.bio, profile, elapsed=50)
        self.assertEqual(self.node.peltier["direction"], "heat")
        self.assertAlmostEqual(self.node.peltier["duty_cycle"], 12.015)
        utils.temperature_profile(self.bio, profile, elapsed=150)
        self.assertEqual(self.node.peltier, {"duty_cycle": 10.0, "direction": "cool"})

    def test_without_a_temperature_the_heater_goes_off(self):
        utils.temperature_pid_controller(self.bio, 37.0)
        self.assertEqual(self.node.peltier["duty_cycle"], 70.0)
        self.node.temperature = None
        with contextlib.redirect_stderr(text_io.StringIO()):
            for _ in range(3):
                utils.temperature_pid_controller(self.bio, 37.0)
        self.assertEqual(self.node.peltier["duty_cycle"], 0)

    def test_an_exchange_takes_out_before_it_brings_in(self):
        utils.independent_flow(self.bio, "inflow", 2.0, 0.02, 0.03)
        doses = [(path, body["args"]) for path, body in self.node.posts() if body.get("op") == "dose"]
        self.assertEqual([path.split("/")[4] for path, _ in doses], ["pump-outflow", "pump-inflow"])
        self.assertAlmostEqual(doses[0][1]["volume"], 0.06)
        self.assertAlmostEqual(doses[1][1]["volume"], 0.04)

    def test_the_turbidostat_dilutes_above_its_setpoint_and_uses_a_row_once(self):
        mode = partial(utils.turbidostat_ekf_mode, od_setpoint=0.2, flow_rate_ml_s=2.0,
                       od_channel="OD_135_V", R=0.003, pump_duration=0.01)

        def doses():
            return len([1 for _, body in self.node.posts() if body.get("op") == "dose"])

        mode(self.bio)
        self.assertEqual(doses(), 0)  # nothing measured yet
        for elapsed, volts, expected in ((0, 0.1, 0), (10, 0.15, 0), (20, 0.5, 2), (30, 0.1, 2)):
            self.node.od = [volts, 0.5, 0.1]
            utils.measure_and_record_sensors(self.bio, elapsed=elapsed)
            mode(self.bio)
            mode(self.bio)
            self.assertEqual(doses(), expected, elapsed)

    def test_the_older_turbidostat_stops_its_pumps_when_it_sees_nothing(self):
        state = {"flow_rate_ml_s": 0.5, "dilution_rate_h": 1.0}
        step = partial(
            utils.turbidostat_od_controller, self.bio, growth.ExtendedKalmanFilter(0.5, 0.5),
            pump_name="inflow", target_od=0.6, control_gain=1.0, flow_rate_max_ml_s=2.0,
            dead_zone=0.02, culture_volume_ml=400, state=state)
        step(measure_od_func=lambda bio: 2.0)
        self.assertGreater(self.node.pumps["inflow"], 0)
        self.assertEqual(self.node.pumps["inflow"], self.node.pumps["outflow"])
        with self.assertLogs("bioreactor_client", "WARNING"):
            step(measure_od_func=lambda bio: 2.0 * None)
        self.assertEqual(set(self.node.pumps.values()), {0})


class Filters(unittest.TestCase):
    def test_a_growing_culture_is_recognised(self):
        noise = random.Random(1)
        one = growth.GrowthFilter(0.1, noise=1e-5, drift=5e-12)
        factor = 2 ** (20 / 3600)  # a doubling an hour, a cycle every 20 s
        od = 0.1
        for _ in range(500):
            od *= factor
            one.step(od + noise.gauss(0, 0.002), pumping=False)
        doubling, spread = one.doubling_s(20)
        self.assertLess(abs(doubling - 3600), 250)
        self.assertLess(spread, 600)
        self.assertLess(abs(one.od - od), 0.01)

    def test_a_dilution_is_followed_without_losing_the_growth_rate(self):
        one = growth.GrowthFilter(0.5, noise=1e-5, drift=5e-12, factor=1.003)
        for _ in range(50):
            one.step(one.od * 1.003, pumping=False)
        before = one.factor
        one.step(0.3, pumping=True)
        self.assertLess(abs(one.od - 0.3), 0.01)
        self.assertLess(abs(one.factor - before), 1e-4)

    def test_no_growth_has_no_doubling_time(self):
        self.assertEqual(growth.GrowthFilter(0.1, 0.001, 5e-12).doubling_s(10), (math.inf, math.inf))

    def test_the_older_filter_finds_the_rate_under_dilution(self):
        one = growth.ExtendedKalmanFilter(0.5, 0.1, 1e-6, 1e-5, 1e-5, dt=60.0)
        od = 0.5
        for _ in range(600):
            od += (0.8 - 0.5) * od / 60
            one.predict(0.5)
            one.update(od)
        self.assertLess(abs(one.get_state()[1] - 0.8), 0.05)


if __name__ == "__main__":
    unittest.main()
