"""`Bioreactor`: the instrument as a script sees it."""

import logging
import os
import threading
import time
import uuid

from . import errors, experiment, jobs, native, scaled_time
from .client import BioreactorClient
from .readings import number, numbers
from .transport import say

_MEANT = {
    "read_co2_sensor": "get_co2()",
    "read_temperature": "get_temperature()",
    "read_sensors": "get_all()",
    "read_od": "get_od_voltages()",
    "set_led": "change_led(state)",
    "set_ring_light": "change_ring_light(red, green, blue)",
    "set_peltier": "change_peltier(power, forward)",
    "set_peltier_power": "change_peltier(power, forward)",
    "set_pump": "change_pump(pump_name, ml_per_sec)",
    "set_stirrer": "change_stirrer(duty_cycle)",
    "set_stirrer_speed": "change_stirrer(duty_cycle)",
    "_request": "client.get_sensors() and its neighbours",
    "_make_request": "client.get_sensors() and its neighbours",
}
# While the instrument stops, one call must not use up the time the others need.
STOP_TIMEOUT_S = 4.0
# A script that cannot reach its instrument at all should say so soon.
START_PATIENCE_S = 15.0


# Answers to a command to rest that need no action: somebody else's, stopped already, not there.
AT_REST = (
    errors.DeviceHeld,
    errors.NotAllowed,
    errors.InstrumentStopped,
    errors.UnknownComponent,
)


class Bioreactor:
    """Connects to the instrument; raises ConnectionError when it does not answer.

    As a context manager it stops everything the script may have started when the block ends, however
    it ends. Commands raise when they fail; nothing is ever reported as 0 because it could not be read.

    `timeout_s`   longest wait for one answer
    `patience_s`  how long reads are tried again while the API is away
    `config`      kept as an attribute for scripts that pass one; it changes nothing
    """

    def __init__(self, config=None, *, api_url=None, timeout_s=10.0, patience_s=60.0):
        self.config = config
        self.logger = logging.getLogger("bioreactor_client")
        self.client = BioreactorClient(api_url, timeout_s=timeout_s, patience_s=patience_s)
        self.experiment = experiment.Experiment(self.client.api)
        self._native = native.Native(self.client.api)
        self._last_good = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._jobs = jobs.Jobs(self)
        self._finished = False
        # State of pid_controller, under the names it has always had.
        self._temp_integral = 0.0
        self._temp_last_error = 0.0
        self.status = self.client.api.get("/api/status", patience_s=min(patience_s, START_PATIENCE_S))

    def __getattr__(self, name):
        if name in _MEANT:
            raise AttributeError("Bioreactor has no %s: use %s" % (name, _MEANT[name]))
        raise AttributeError("Bioreactor has no %r" % name)

    # ------------------------------------------------------------------------------- actuators

    def change_led(self, state):
        """Turns the LED on (full power) or off; a number sets the power, percent."""
        if isinstance(state, bool) or state is None:
            self._control("led", {"power": 100.0 if state else 0.0})
        else:
            self._control("led", {"power": float(state)})

    def change_peltier(self, power, forward):
        """Sets the peltier to `power` percent; `forward` True heats, False cools."""
        if isinstance(forward, str):
            forward = forward in ("heat", "forward")
        self._control(
            "peltier_driver",
            {"duty_cycle": power, "direction": "heat" if forward else "cool"},
        )

    def change_pump(self, pump_name, ml_per_sec):
        """Sets a pump's flow, ml/s; negative runs it backwards where the pump can."""
        self._control("pumps", {"pump_name": pump_name, "velocity": ml_per_sec}, name=pump_name)

    def change_stirrer(self, duty_cycle):
        """Sets the stirrer's duty cycle, percent."""
        self._control("stirrer", {"duty_cycle": duty_cycle})

    def change_ring_light(self, red=None, green=None, blue=None, pixel=None, *, color=None):
        """Sets the ring light: `(red, green, blue[, pixel])` or `(color[, pixel])`, each 0 to 255.

        `pixel` counts from 0; without it the whole ring takes the colour.
        """
        if color is None and isinstance(red, (list, tuple)):
            if blue is not None:
                raise TypeError("change_ring_light takes (red, green, blue, pixel) or (color, pixel)")
            color = red
            pixel = green if green is not None else pixel
        if color is not None:
            if len(color) != 3:
                raise errors.OutOfRange(
                    "Cannot set the ring light to %r: red, green and blue are needed" % (color,),
                    component="ring_light", code="out_of_range")
            red, green, blue = color
        if red is None or green is None or blue is None:
            raise TypeError("change_ring_light takes (red, green, blue, pixel) or (color, pixel)")
        body = {"red": int(red), "green": int(green), "blue": int(blue)}
        if pixel is not None:
            body["pixel_index"] = int(pixel)
        self._control("ring_light", body)

    def change_relay(self, name, state):
        """Moves a relay to "open" or "closed", or "toggle"s it. Returns the new state."""
        return self._native.change_relay(name, state)

    def dose(self, pump, ml, ml_per_sec=None):
        """Pumps `ml` millilitres and returns when it is done; the device itself ends the dose."""
        return self._native.dose(pump, ml, ml_per_sec)

    def relay_dose(self, name, seconds):
        """Closes a relay for `seconds` and returns once it is open again; the device ends it."""
        return self._native.relay_dose(name, seconds)

    def get_relay_state(self, name):
        """ "open" or "closed"."""
        return self._native.relay_state(name)

    # --------------------------------------------------------------------------------- sensors

    def get_co2(self):
        """CO2, ppm. Raises SensorFault when there is no good value."""
        return self._value("co2_sensor", "co2_ppm", number, "ppm")

    def get_o2(self):
        """O2, percent. Raises SensorFault when there is no good value."""
        return self._value("o2_sensor", ("o2_percent", "o2"), number, "%")

    def get_temperature(self):
        """Temperature of the culture, degrees Celsius, or None while the sensor gives no good value."""
        try:
            return self._value("temp_sensor", "temperature", number, "°C")
        except (errors.SensorFault, errors.UnknownComponent) as error:
            self.logger.debug("%s", error)
            return None

    def get_od_voltages(self):
        """Volts of the optical density photodiodes; None for one that failed, [] without the board."""
        return self._voltages("optical_density")

    def get_eyespy_voltages(self):
        """Volts of the eyespy boards; None for one that failed, [] without any."""
        return self._voltages("eyespy_adc")

    def get_photodiodes(self):
        """Volts of the photodiodes, as older scripts ask for them."""
        reply = self.client.get_photodiodes()
        return numbers(reply.get("readings", reply.get("photodiodes")))

    def get_vial_temp(self):
        """Four temperatures, as older scripts ask for them; None where there is no such vial."""
        return self._temperatures("vial_temperatures", 4, "temperature")

    def get_io_temp(self):
        """Temperatures of inlet and outlet; None where there is no such sensor."""
        return self._temperatures("io_temperatures", 2, None)

    def get_peltier_curr(self):
        """Supply current of the peltier, ampere. Raises SensorFault when there is no good value."""
        reply = self.client.get_current()
        value = number(reply.get("peltier_current"))
        if value is None:
            raise errors.SensorFault(
                "No good value of the peltier's current: %s" % _why(reply),
                component="peltier_current", code=_code(reply))
        return value

    def get_peltier_state(self):
        """`{"duty_cycle", "direction", "active"}`."""
        reply = self._state("peltier_driver")
        return {
            "duty_cycle": number(reply.get("duty_cycle")),
            "direction": reply.get("direction"),
            "active": bool(reply.get("active")),
        }

    def get_stirrer_state(self):
        """`{"duty_cycle", "active"}`."""
        reply = self._state("stirrer")
        return {"duty_cycle": number(reply.get("duty_cycle")), "active": bool(reply.get("active"))}

    def get_ring_light_state(self):
        """`{"red", "green", "blue", "active"}`."""
        reply = self._state("ring_light")
        return {
            "red": _whole(reply.get("red")),
            "green": _whole(reply.get("green")),
            "blue": _whole(reply.get("blue")),
            "active": bool(reply.get("active")),
        }

    def get_all(self, max_age_s=None):
        """Everything the instrument knows: `{"temperature.temperature": Reading, ...}`.

        One call, answered from the latest readings: it costs the hardware nothing. A value older than
        `max_age_s` is None, with quality "stale".
        """
        return self._native.get_all(max_age_s)

    # ---------------------------------------------------------------------------------- the run

    def run(self, jobs_list, **options):
        """Starts jobs `(function, period_s or True, duration_s or True)` and returns at once.

        Each job runs in its own thread at a fixed rate: `function(bioreactor, elapsed=seconds)` at 0,
        1, 2... periods after its start. A call that takes too long makes it skip turns, which are
        counted, never pile up. `True` as period means without a pause, as duration until `stop_all`.

        An error is logged and the job goes on; after `errors_max` (20) failures in a row over at
        least `errors_for_s` (120) seconds it ends, and the script is interrupted so that it does not
        go on without it (`on_failure="continue"` leaves it running).

        Returns the jobs: `.wait(timeout_s)`, `.stop()`, `.counts()`.
        """
        return self._jobs.run(jobs_list, **options)

    def wait_until(self, until, timeout_s=None, every_s=1.0):
        """Waits for a moment or a condition. True when it came, False after `timeout_s`.

        `until` is a datetime, seconds since the epoch, or a function called with this Bioreactor
        every `every_s` seconds until what it returns is true.
        """
        start = time.monotonic()
        if callable(until):
            takes = jobs.calling(until)
            moment = None
        elif hasattr(until, "timestamp"):
            moment = until.timestamp()
        else:
            moment = float(until)
        while True:
            if moment is None:
                if takes(self, time.monotonic() - start):
                    return True
                left = every_s
            else:
                left = moment - time.time()
                if left <= 0:
                    return True
                left = min(left, 5.0)  # the wall clock may be set while we wait
            if timeout_s is not None:
                rest = timeout_s - (time.monotonic() - start)
                if rest <= 0:
                    return False
                left = min(left, rest)
            time.sleep(left)

    def log_event(self, text):
        """Writes a line into the instrument's event log, beside what the instrument itself did."""
        self.experiment.log_event(text)

    def set_phase(self, name):
        """Says what the script is doing now; shown beside the experiment."""
        self.experiment.set_phase(name)

    def checkpoint(self, state):
        """Keeps `state` (anything JSON can hold) where the next attempt finds it. All or nothing."""
        self.experiment.checkpoint(state)

    def load_checkpoint(self, default=None):
        """What `checkpoint` kept last, or `default`."""
        return self.experiment.load_checkpoint(default)

    def pause_requested(self):
        """Whether somebody asked this experiment to hold."""
        return self.experiment.pause_requested()

    # ---------------------------------------------------------------------------------- the end

    def stop_all(self):
        """Ends the jobs and brings every actuator to rest; what fails does not keep it from the rest.

        Raises StopIncomplete when something did not stop.
        """
        self._jobs.stop()
        failures = []
        api = self.client.api
        for label, component, body in self._rest_commands(failures):
            try:
                api.post(
                    "/api/v3/%s/control" % component, body, component=label,
                    timeout_s=STOP_TIMEOUT_S, patience_s=0.0,
                )
            except AT_REST as error:
                self.logger.debug("%s", error)
            except Exception as error:  # noqa: BLE001  the rest must still be tried
                failures.append((label, error))
        failures += self._native.rest_relays(STOP_TIMEOUT_S)
        if failures:
            lines = "; ".join("%s (%s)" % (name, error) for name, error in failures)
            raise errors.StopIncomplete(
                "Cannot confirm that everything stopped: " + lines,
                failures=failures, code="stop_incomplete")

    def finish(self):
        """Ends the jobs, waits for their last calls, and stops everything. Twice is harmless."""
        self._jobs.stop()
        self._jobs.wait(STOP_TIMEOUT_S * scaled_time.factor())
        try:
            self.stop_all()
        finally:
            self._finished = True
        self._jobs.raise_failure()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        try:
            self.finish()
        except errors.BioreactorError as error:
            if exc_type is None:
                raise
            if isinstance(error, errors.JobFailed) and issubclass(exc_type, KeyboardInterrupt):
                raise error from None  # the interrupt was ours: this is why
            say(str(error))  # the script's own error goes on
        return False

    # ---------------------------------------------------------------------------------- inside

    def _control(self, component, body, name=None):
        label = component if name is None else "%s/%s" % (component, name)
        reply = self.client.api.post(
            "/api/v3/%s/control" % component, body, component=label,
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )
        if isinstance(reply, dict) and reply.get("status") == "error":
            raise errors.CommandFailed(
                "Cannot set %s: %s" % (label, _why(reply)), component=label, code=_code(reply))

    def _state(self, component):
        reply = self.client.api.get(
            "/api/v3/%s/state" % component, component=component,
            last_good=self._last_good.get(component),
        )
        if not isinstance(reply, dict) or reply.get("status") == "error":
            raise errors.SensorFault(
                "No good value of %s: %s" % (component, _why(reply)),
                component=component, code=_code(reply), last_good=self._last_good.get(component))
        return reply

    def _value(self, component, keys, convert, unit):
        reply = self._state(component)
        for key in (keys,) if isinstance(keys, str) else keys:
            if key in reply:
                value = convert(reply[key])
                break
        else:
            value = None
        if value is None:
            raise errors.SensorFault(
                "No good value of %s: %s" % (component, _why(reply)),
                component=component, code=_code(reply), last_good=self._last_good.get(component))
        self._keep(component, value, unit)
        return value

    def _voltages(self, component):
        try:
            values = numbers(self._state(component).get("voltages"))
        except (errors.SensorFault, errors.UnknownComponent) as error:
            self.logger.debug("%s", error)
            return []
        if any(value is not None for value in values):
            self._keep(component, values, "V")
        return values

    def _temperatures(self, key, count, single):
        reply = self.client.get_temperature()
        values = numbers(reply.get(key))
        if not values and single is not None:
            values = [number(reply.get(single))]
        return values + [None] * (count - len(values))

    def _keep(self, component, value, unit):
        from datetime import datetime, timezone

        at = datetime.fromtimestamp(scaled_time.real_time(), timezone.utc)
        self._last_good[component] = native.Reading(value, unit, at, 0.0, "good", None)

    def _rest_commands(self, failures):
        """What brings this instrument's actuators to rest, the most dangerous first."""
        api = self.client.api
        try:
            known = api.get("/api/v3/capabilities", timeout_s=STOP_TIMEOUT_S, patience_s=0.0)
        except errors.BioreactorError as error:
            # Without the list the components every instrument may have are tried; pumps need names.
            failures.append(("capabilities", error))
            known = None
        if known is None or "pumps" in known:
            names = (known or {}).get("pumps", {}).get("available_pumps", [])
            for name in names:
                yield "pumps/%s" % name, "pumps", {"pump_name": name, "velocity": 0}
        for component, body in (
            ("peltier_driver", {"duty_cycle": 0, "direction": "heat"}),
            ("led", {"power": 0}),
            ("ring_light", {"red": 0, "green": 0, "blue": 0}),
            ("stirrer", {"duty_cycle": 0}),
        ):
            if known is None or component in known:
                yield component, component, body


def _why(reply):
    if isinstance(reply, dict):
        return reply.get("message") or reply.get("detail") or reply.get("code") or "it gave none"
    return "it answered %r" % (reply,)


def _code(reply):
    code = reply.get("code") if isinstance(reply, dict) else None
    return code if isinstance(code, str) else "no_value"


def _whole(value):
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


