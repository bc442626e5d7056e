"""The functions scripts call beside `Bioreactor`: measuring, and simple control."""

import time
from datetime import datetime

from . import errors, scaled_time
from .columns import CONTROLS
from .readings import number
from .transport import say

# What is sent only on a change is also sent this often, s: the runtime may have restarted meanwhile,
# which brings every actuator to its safe state.
RESEND_S = 60.0
# A missing temperature turns the peltier off after this many calls in a row, and it comes back after as
# many good ones.
PID_PERIODS = 3


class Row(dict):
    """A measured row: a plain dict that also knows its moment exactly.

    `at`           when it was measured, a datetime with zone
    `monotonic_s`  the same on a clock that never goes back
    """

    __slots__ = ("at", "monotonic_s")


def measure_and_write_sensor_data(bioreactor, elapsed=None):
    """Reads every sensor. Returns a dict; give it to `write_data_to_csv` to keep it.

    A sensor that gives no good value, or that this instrument does not have, is None (a list: []).
    """
    moment = time.time()
    row = Row(timestamp=_local(moment))
    row.at = datetime.fromtimestamp(moment).astimezone()
    row.monotonic_s = time.monotonic()
    for key, read in (
        ("co2_ppm", bioreactor.get_co2),
        ("temperature", bioreactor.get_temperature),
        ("od_voltages", bioreactor.get_od_voltages),
        ("eyespy_voltages", bioreactor.get_eyespy_voltages),
    ):
        row[key] = _or_none(bioreactor, key, read)
    if elapsed is not None:
        row["elapsed"] = float(elapsed) if isinstance(elapsed, int) else elapsed
    return row


def measure_all_data(bioreactor, include_controls=True, elapsed=None):
    """Reads every sensor and, with `include_controls`, what the actuators are doing. Returns a dict."""
    row = measure_and_write_sensor_data(bioreactor, elapsed)
    if include_controls:
        stirrer = _or_none(bioreactor, "stirrer", bioreactor.get_stirrer_state) or {}
        peltier = _or_none(bioreactor, "peltier", bioreactor.get_peltier_state) or {}
        ring = _or_none(bioreactor, "ring_light", bioreactor.get_ring_light_state) or {}
        row.update(zip(CONTROLS, (
            stirrer.get("duty_cycle"),
            peltier.get("duty_cycle"),
            peltier.get("direction"),
            ring.get("red"),
            ring.get("green"),
            ring.get("blue"),
        )))
    return row


def _local(moment):
    """Local wall clock without a zone: six digits, none when they are zero."""
    return datetime.fromtimestamp(moment).isoformat()


def _or_none(bioreactor, what, read):
    """The value, or None with one line on stderr when it stops coming and one when it is back."""
    missing = bioreactor.__dict__.setdefault("_missing", set())
    try:
        value = read()
    except errors.BioreactorError as error:
        # A component this instrument lacks is no news.
        if what not in missing and not isinstance(error, errors.UnknownComponent):
            missing.add(what)
            say("%s is missing from the measurements: %s" % (what, error))
        return None
    if what in missing:
        missing.discard(what)
        say("%s is back" % what)
    return value


def pid_controller(bioreactor, setpoint, current_temp=None, kp=10.0, ki=1.0, kd=0.0, dt=1.0, elapsed=None):
    """One step of a PID loop on the temperature: call it every `dt` seconds.

    The duty is the output's size, a whole number from 0 to what the peltier accepts; it heats from 0 up
    and cools below. Returns the output, or None when nothing could be controlled.

    Without a reading nothing is assumed: the output stays for two calls, is 0 from the third, and comes
    back after three good readings. The integral stands still meanwhile, and wherever the output is at
    its limit, so that it never winds up.
    """
    if current_temp is None:
        current_temp = _or_no_reading(bioreactor, bioreactor.get_temperature)
    return control_temperature(bioreactor, setpoint, current_temp, (kp, ki, kd), dt)


def control_temperature(bioreactor, setpoint, current_temp, gains, dt, limits=(None, None),
                        smoothing=0.0, whole=True):
    """`pid_controller` with everything given: for other loops that heat and cool.

    `limits`     largest duty to heat and to cool, percent; never above what the instrument states
    `smoothing`  share of the last slope in the next one, 0 to 1
    `whole`      truncates the duty to a whole number
    """
    state = bioreactor.__dict__.setdefault(
        "_pid", {"missing": 0, "good": PID_PERIODS, "last": None, "slope": 0.0})
    if current_temp is None or current_temp != current_temp:
        _pid_without_reading(bioreactor, state)
        return None
    current_temp = float(current_temp)
    if state["missing"]:
        state["missing"] = 0
        state["last"] = None  # the step across the gap says nothing of the slope
    if state["good"] < PID_PERIODS:
        state["good"] += 1
        if state["good"] < PID_PERIODS:
            return None
        say("the temperature is back: control goes on")

    kp, ki, kd = gains
    most = [
        own if given is None else min(own, float(given))
        for own, given in zip(_peltier_limits(bioreactor, state), limits)
    ]
    error = setpoint - current_temp
    slope = 0.0
    if kd and dt > 0 and state["last"] is not None:
        slope = smoothing * state["slope"] + (1 - smoothing) * (error - state["last"]) / dt
    integral = bioreactor._temp_integral + error * dt
    output = kp * error + ki * integral + kd * slope
    if abs(output) > most[output < 0] and error * output > 0:
        # At the limit, and the error would push further: the integral holds.
        integral = bioreactor._temp_integral
        output = kp * error + ki * integral + kd * slope
    bioreactor._temp_integral = integral
    bioreactor._temp_last_error = state["last"] = error
    state["slope"] = slope
    duty = max(0.0, min(most[output < 0], abs(output)))
    bioreactor.change_peltier(int(duty) if whole else duty, output >= 0)
    return output


def _or_no_reading(bioreactor, read):
    try:
        return read()
    except errors.BioreactorError as error:
        bioreactor.logger.debug("%s", error)
        return None


def _pid_without_reading(bioreactor, state):
    state["missing"] += 1
    if state["missing"] < PID_PERIODS:
        return
    if state["missing"] == PID_PERIODS:
        text = "no temperature for %d readings: the peltier is turned off" % PID_PERIODS
        say(text)
        try:
            bioreactor.log_event(text)
        except (errors.BioreactorError, OSError):
            pass  # the peltier matters more than the record of it
    # Not only once: a command that failed here would leave it heating.
    state["good"] = 0
    bioreactor.change_peltier(0, True)


def _peltier_limits(bioreactor, state):
    """Largest duty each way, percent, as the instrument states it; 100 where it does not."""
    if "limits" not in state:
        try:
            facts = bioreactor.client.get_capabilities().get("peltier_driver", {})
        except errors.BioreactorError:
            return 100.0, 100.0  # asked again at the next step
        heat, cool = number(facts.get("heat_max")), number(facts.get("cool_max"))
        state["limits"] = (100.0 if heat is None else heat, 100.0 if cool is None else cool)
    return state["limits"]


_PAIRS = (("_in", "_out"), ("inflow", "outflow"))


def balanced_flow(bioreactor, pump_name, ml_per_sec, elapsed=None, duration=None):
    """Sets a pump and its partner to the same flow, ml/s: `x_in` with `x_out`, `inflow` with `outflow`.

    The pump that takes out starts first and stops last, so that the volume never grows on the way. If
    one of them fails both are stopped and the error is raised. `duration` ends the flow after so many
    seconds and returns then.
    """
    inflow, outflow = _pair(pump_name)
    flow = float(ml_per_sec)
    if flow < 0:
        raise errors.OutOfRange(
            "Cannot balance a flow of %g ml/s: it must be 0 or more" % flow,
            component="pumps/%s" % pump_name, code="out_of_range")
    order = (outflow, inflow) if flow > 0 else (inflow, outflow)
    try:
        for name in order:
            bioreactor.change_pump(name, flow)
        if duration is not None:
            time.sleep(duration)
    except BaseException:
        _stop_pair(bioreactor, inflow, outflow)
        raise
    if duration is not None:
        failures = _stop_pair(bioreactor, inflow, outflow)
        if failures:
            raise failures[0]


def _stop_pair(bioreactor, inflow, outflow):
    failures = []
    for name in (inflow, outflow):
        try:
            bioreactor.change_pump(name, 0.0)
        except errors.BioreactorError as error:
            failures.append(error)
            say("cannot stop the pump %s: %s" % (name, error))
    return failures


def _pair(pump_name):
    """(the pump that brings in, the pump that takes out)"""
    for into, out in _PAIRS:
        if pump_name.endswith(into):
            return pump_name, pump_name[: -len(into)] + out
        if pump_name.endswith(out):
            return pump_name[: -len(out)] + into, pump_name
    raise ValueError(
        'Cannot find the partner of the pump "%s": its name must end in _in or _out, inflow or outflow'
        % pump_name)


def ring_light_cycle(bioreactor, color=(50, 50, 50), on_time=60.0, off_time=60.0, elapsed=None,
                     start_on=True):
    """Ring light on for `on_time` seconds, off for `off_time`, and again: call it about once a second.

    What it should be follows from `elapsed` alone, so a script that starts again in the middle of a
    night is dark. The light is told when that changes, and once a minute.
    """
    now = time.monotonic()
    state = bioreactor.__dict__.setdefault("_ring_cycle", {"start": now, "shown": None, "at": now})
    if on_time < 0 or off_time < 0 or on_time + off_time <= 0:
        raise ValueError("Cannot cycle the light with %r s on and %r s off" % (on_time, off_time))
    if elapsed is None:
        elapsed = now - state["start"]
    first = on_time if start_on else off_time
    lit = (elapsed % (on_time + off_time) < first) == bool(start_on)
    wanted = tuple(color) if lit else (0, 0, 0)
    if wanted != state["shown"] or now - state["at"] >= RESEND_S:
        state["shown"] = None  # unknown, should the command fail
        bioreactor.change_ring_light(*wanted)
        state["shown"], state["at"] = wanted, now


class Config:
    """Holds settings as attributes: `Config(target_od=0.6).target_od`."""

    def __init__(self, **kwargs):
        for key, value in kwargs.items():
            setattr(self, key, value)

    def __repr__(self):
        return "Config(%s)" % ", ".join("%s=%r" % one for one in sorted(vars(self).items()))


def time_scale():
    """How many times faster than true time this script's time runs (rehearsals); 1.0 otherwise."""
    return scaled_time.factor()
