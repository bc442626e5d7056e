"""Jobs of the laboratory library: each is called as `function(bioreactor, elapsed=seconds)`."""

import math
import time

from bioreactor_client import SensorFault, UnknownComponent, balanced_flow, ring_light_cycle
from bioreactor_client import measure_and_write_sensor_data as _measure
from bioreactor_client import pid_controller
from bioreactor_client.csv_files import CsvFile, write_data_to_csv
from bioreactor_client.functions import _pair, control_temperature

from . import io
from .growth import ExtendedKalmanFilter, GrowthFilter

__all__ = [
    "ExtendedKalmanFilter",
    "balanced_flow",
    "chemostat_mode",
    "independent_flow",
    "measure_and_record_sensors",
    "measure_and_write_sensor_data",
    "pid_controller",
    "relay_schedule",
    "ring_light_cycle",
    "temperature_pid_controller",
    "temperature_profile",
    "turbidostat_ekf_mode",
    "turbidostat_od_controller",
]


def _state(bioreactor, name, make):
    """What one kind of job remembers between its calls."""
    return bioreactor.__dict__.setdefault("_jobs_" + name, make())


# --------------------------------------------------------------------------------------- measuring


def measure_and_write_sensor_data(bioreactor, elapsed=None):
    """Reads every sensor and appends the row to experiment_data.csv. Returns the row."""
    row = _measure(bioreactor, elapsed)
    write_data_to_csv(row)
    return row


def measure_and_record_sensors(bioreactor, elapsed=None, led_power=30.0, averaging_duration=0.5):
    """Appends one row to the data file: every sensor, what the actuators do, the growth estimate.

    The instrument pulses its LED and averages by itself, so `led_power` and `averaging_duration`
    change nothing.
    """
    file = _state(bioreactor, "file", lambda: {"began": time.monotonic(), "file": None})
    if elapsed is None:
        elapsed = time.monotonic() - file["began"]
    there = bioreactor.is_component_initialized
    row = {"time": time.strftime("%Y-%m-%d %H:%M:%S"), "elapsed_time": float(elapsed)}
    od = io.measure_od(bioreactor, led_power, averaging_duration, "all") if there(
        "optical_density") else {}
    eyespy = io._channels(bioreactor, "eyespy_adc") if there("eyespy_adc") else {}
    for name, volts in od.items():
        if name not in eyespy:
            row["OD_%s_V" % name] = volts
    for name, volts in eyespy.items():
        row["Eyespy_%s_raw" % name] = None if volts is None else round(volts * 32768 / 4.096)
        row["Eyespy_%s_V" % name] = volts
    if there("temp_sensor"):
        row["temperature_C"] = bioreactor.get_temperature()
    if there("co2_sensor"):
        row["CO2_ppm"] = io.read_co2(bioreactor)
    if there("o2_sensor"):
        row["O2_percent"] = io.read_o2(bioreactor)
    if there("peltier_driver"):
        duty, heats = io.get_peltier_state(bioreactor)
        row["peltier_duty"], row["peltier_forward"] = duty, int(heats)
    if there("ring_light"):
        row["ring_light_R"], row["ring_light_G"], row["ring_light_B"] = io.get_ring_light_color(
            bioreactor)
    seconds = bioreactor.get_all() if bioreactor.pumps else {}
    for name in bioreactor.pumps:
        ran = seconds.get("pump-%s.run_s" % name)
        row["pump_%s_time_s" % name] = ran.value if ran is not None else None
    _estimate_growth(bioreactor, row)
    if file["file"] is None:
        file["file"] = CsvFile(bioreactor.data_path, "legacy")
    file["file"].append(row)
    _state(bioreactor, "last_row", dict).update(row)
    return row


def _estimate_growth(bioreactor, row):
    """The growth estimate's columns: of the running turbidostat, else of a filter of its own."""
    channel = "OD_%s_V" % getattr(bioreactor.config, "EKF_OD_CHANNEL", "135")
    growth = _state(bioreactor, "growth", lambda: {"filter": None, "owned": True, "at": None})
    volts, now = row.get(channel), row["elapsed_time"]
    cycle_s = 0.0 if growth["at"] is None else now - growth["at"]
    if growth["owned"] and volts is not None:
        growth["at"] = now
        if growth["filter"] is None:
            growth["filter"] = GrowthFilter(volts, noise=0.003, drift=5e-12)
        else:
            growth["filter"].step(volts, pumping=False)
    else:
        cycle_s = growth.get("cycle_s", cycle_s)
    one = growth["filter"]
    doubling, spread = one.doubling_s(cycle_s) if one is not None and cycle_s > 0 else (None, None)
    row["ekf_od_est"] = None if one is None else one.od
    row["ekf_growth_rate"] = None if one is None else one.factor
    row["ekf_doubling_time_s"] = doubling if doubling is not None and doubling < math.inf else None
    row["ekf_od_std"] = None if one is None else math.sqrt(max(0.0, one.p00))
    row["ekf_growth_rate_std"] = None if one is None else math.sqrt(max(0.0, one.p11))
    row["ekf_doubling_time_std_s"] = spread if spread is not None and spread < math.inf else None


# ------------------------------------------------------------------------------------- temperature


def temperature_pid_controller(bioreactor, setpoint, current_temp=None, kp=12.0, ki=0.015, kd=0.0,
                               dt=None, elapsed=None, sensor_index=0, max_duty_heat=None,
                               max_duty_cool=None, derivative_alpha=0.7):
    """One step of the PID loop; without a reading it behaves as `pid_controller`."""
    clock = _state(bioreactor, "pid_clock", lambda: {"at": None})
    now = time.monotonic()
    if dt is None:
        dt = 1.0 if clock["at"] is None else now - clock["at"]
    clock["at"] = now
    if current_temp is None:
        current_temp = bioreactor.get_temperature()
    config = bioreactor.config
    limits = (
        getattr(config, "PELTIER_MAX_DUTY_HEAT", None) if max_duty_heat is None else max_duty_heat,
        getattr(config, "PELTIER_MAX_DUTY_COOL", None) if max_duty_cool is None else max_duty_cool,
    )
    return control_temperature(
        bioreactor, setpoint, current_temp, (kp, ki, kd), dt, limits, derivative_alpha, whole=False)


def temperature_profile(bioreactor, profile, kp=12.0, ki=0.015, kd=0.0, sensor_index=0,
                        max_duty_heat=None, max_duty_cool=None, elapsed=None):
    """Follows `[(seconds or None, °C), ...]`; the last step is held."""
    temperature_pid_controller(
        bioreactor, _step_at(bioreactor, "profile", profile, elapsed)[0], kp=kp, ki=ki, kd=kd,
        max_duty_heat=max_duty_heat, max_duty_cool=max_duty_cool)


def _step_at(bioreactor, name, steps, elapsed):
    """What the step that now runs says after its duration."""
    if not steps:
        raise ValueError("A schedule needs at least one step")
    if elapsed is None:
        began = _state(bioreactor, name, lambda: {"began": time.monotonic()})
        elapsed = time.monotonic() - began["began"]
    for seconds, *what in steps:
        if seconds is None or elapsed < seconds:
            return what
        elapsed -= seconds
    return list(steps[-1][1:])


# ---------------------------------------------------------------------------------- relays, pumps


def relay_schedule(bioreactor, schedule, elapsed=None):
    """Follows `[(seconds or None, relay, closed), ...]`, each relay by its own steps."""
    told = _state(bioreactor, "relays", dict)
    for relay in dict.fromkeys(name for _, name, _ in schedule):
        steps = [(seconds, closed) for seconds, name, closed in schedule if name == relay]
        closed = bool(_step_at(bioreactor, "relay_" + relay, steps, elapsed)[0])
        # Told on a change, and once a minute: the runtime may have restarted meanwhile.
        state, at = told.get(relay, (None, 0.0))
        if closed != state or time.monotonic() - at >= 60.0:
            told.pop(relay, None)
            bioreactor.change_relay(relay, "closed" if closed else "open")
            told[relay] = (closed, time.monotonic())


def independent_flow(bioreactor, pump_name, ml_per_sec, duration, converse_duration=None,
                     elapsed=None):
    """Runs the pump that takes out for its time, then the one that brings in, and returns.

    `duration` is that of `pump_name`, `converse_duration` that of its partner. Taking out first
    keeps the vessel from overflowing; the pumps end each dose by themselves.
    """
    inflow, outflow = _pair(pump_name)
    other = duration if converse_duration is None else converse_duration
    seconds = {pump_name: duration, (outflow if pump_name == inflow else inflow): other}
    for name in (outflow, inflow):
        if seconds[name] > 0:
            bioreactor.dose(name, ml_per_sec * seconds[name], ml_per_sec)


def chemostat_mode(bioreactor, pump_name, flow_rate_ml_s, temp_setpoint=None, kp=12.0, ki=0.015,
                   kd=0.0, dt=None, elapsed=None, sensor_index=0, max_duty_heat=None,
                   max_duty_cool=None, flow_freq=1.0, temp_freq=1.0):
    balanced_flow(bioreactor, pump_name, flow_rate_ml_s)
    if temp_setpoint is not None:
        temperature_pid_controller(
            bioreactor, temp_setpoint, kp=kp, ki=ki, kd=kd, dt=dt, max_duty_heat=max_duty_heat,
            max_duty_cool=max_duty_cool)


# -------------------------------------------------------------------------------------- turbidostat


def turbidostat_ekf_mode(bioreactor, od_setpoint, pump_name="inflow", flow_rate_ml_s=2.0,
                         od_channel=None, R=0.001, Q_growth_rate=5e-12, initial_growth_rate=1.0,
                         initial_P_od=None, initial_P_r=0.0005 ** 2, pump_distrust_cycles=10,
                         pump_distrust_P_od=None, pump_duration=5.0, temp_setpoint=None, kp=12.0,
                         ki=0.015, kd=0.0, dt=None, sensor_index=0, max_duty_heat=None,
                         max_duty_cool=None, elapsed=None):
    """Dilutes for `pump_duration` seconds when the OD measured last is above the setpoint.

    The OD is that of the last row `measure_and_record_sensors` wrote; a row is used once, so a slow
    logger does not feed one measurement twice.
    """
    if temp_setpoint is not None:
        temperature_pid_controller(
            bioreactor, temp_setpoint, kp=kp, ki=ki, kd=kd, dt=dt, max_duty_heat=max_duty_heat,
            max_duty_cool=max_duty_cool)
    channel = od_channel or "OD_%s_V" % getattr(bioreactor.config, "EKF_OD_CHANNEL", "135")
    row = _state(bioreactor, "last_row", dict)
    growth = _state(bioreactor, "growth", lambda: {"filter": None, "owned": True, "at": None})
    od, at = row.get(channel), row.get("elapsed_time")
    if od is None or at is None or at == growth.get("used_at"):
        return
    if growth["owned"]:
        growth.update(owned=False, filter=GrowthFilter(
            od, R, Q_growth_rate, initial_growth_rate, initial_P_od, initial_P_r,
            pump_distrust_cycles, pump_distrust_P_od))
    else:
        growth["cycle_s"] = at - growth["used_at"]
        growth["filter"].step(od, growth.get("pumped", False))
    growth["used_at"] = at
    growth["pumped"] = growth["filter"].od > od_setpoint
    if growth["pumped"]:
        inflow, _ = _pair(pump_name)
        independent_flow(bioreactor, inflow, flow_rate_ml_s, pump_duration, 1.1 * pump_duration)


def turbidostat_od_controller(bioreactor, ekf, measure_od_func, pump_name, target_od, control_gain,
                              flow_rate_max_ml_s, dead_zone, culture_volume_ml, state, elapsed=None):
    """One step of the older controller: the flow follows growth and error; see `ExtendedKalmanFilter`.

    `state` keeps `flow_rate_ml_s` and `dilution_rate_h` between calls.
    """
    try:
        measured = measure_od_func(bioreactor)
    except (SensorFault, UnknownComponent, TypeError) as error:
        # No light seen: a flow chosen for an old OD must not go on.
        bioreactor.logger.warning("no optical density: %s", error)
        balanced_flow(bioreactor, pump_name, 0.0)
        state["flow_rate_ml_s"] = state["dilution_rate_h"] = 0.0
        return
    ekf.predict(state["dilution_rate_h"])
    ekf.update(measured)
    od, rate = ekf.get_state()
    error = od - target_od
    flow_max_per_h = flow_rate_max_ml_s * 3600.0 / culture_volume_ml
    if error > dead_zone:
        dilution = rate + control_gain * error
    elif error < -dead_zone:
        dilution = state["dilution_rate_h"] * max(0.0, od / target_od) ** 2
    else:
        dilution = rate
    dilution = min(flow_max_per_h, max(0.0, dilution))
    state["dilution_rate_h"] = dilution
    state["flow_rate_ml_s"] = dilution * culture_volume_ml / 3600.0
    balanced_flow(bioreactor, pump_name, state["flow_rate_ml_s"])
