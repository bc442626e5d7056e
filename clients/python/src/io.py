"""Single readings and single commands, as functions of a Bioreactor.

As there: what this instrument does not have is a warning and None or False, not an error. What it has
and cannot do raises.
"""

from bioreactor_client import OutOfRange, SensorFault
from bioreactor_client.readings import numbers


def _there(bioreactor, component):
    if bioreactor.is_component_initialized(component):
        return True
    bioreactor.logger.warning("%s is not there", component)
    return False


def _channels(bioreactor, component):
    """`{name: volts or None}` in the instrument's order."""
    reply = bioreactor.client.get_state(component)
    values = numbers(reply.get("voltages"))
    names = reply.get("channels") or [str(at) for at in range(len(values))]
    return dict(zip([str(name) for name in names], values))


def read_voltage(bioreactor, channel_name):
    if not _there(bioreactor, "optical_density"):
        return None
    return _channels(bioreactor, "optical_density").get(str(channel_name))


def measure_od(bioreactor, led_power, averaging_duration, channel_name="Trx"):
    """Volts of one channel, or of "all" as a dict with the eyespy boards among them.

    The instrument pulses its LED for every reading and averages itself, so `led_power` and
    `averaging_duration` change nothing.
    """
    if not _there(bioreactor, "optical_density"):
        return None
    values = _channels(bioreactor, "optical_density")
    if channel_name == "all":
        if bioreactor.is_component_initialized("eyespy_adc"):
            values.update(_channels(bioreactor, "eyespy_adc"))
        return values
    return values.get(str(channel_name))


def read_eyespy_voltage(bioreactor, board_name=None):
    if not _there(bioreactor, "eyespy_adc"):
        return None
    values = _channels(bioreactor, "eyespy_adc")
    return values.get(board_name) if board_name is not None else next(iter(values.values()), None)


def read_eyespy_adc(bioreactor, board_name=None):
    """The converter's own number: 16 bits over 4.096 V."""
    volts = read_eyespy_voltage(bioreactor, board_name)
    return None if volts is None else round(volts * 32768 / 4.096)


def read_all_eyespy_boards(bioreactor):
    if not _there(bioreactor, "eyespy_adc"):
        return None
    return {
        name: None if volts is None else round(volts * 32768 / 4.096)
        for name, volts in _channels(bioreactor, "eyespy_adc").items()
    }


def get_temperature(bioreactor, sensor_index=0):
    """Degrees Celsius; NaN without a good value, as scripts test for it."""
    if not _there(bioreactor, "temp_sensor"):
        return float("nan")
    value = bioreactor.get_temperature()
    return float("nan") if value is None else value


def read_co2(bioreactor):
    if not _there(bioreactor, "co2_sensor"):
        return None
    try:
        return bioreactor.get_co2()
    except SensorFault as error:
        bioreactor.logger.warning("%s", error)
        return None


def read_o2(bioreactor):
    if not _there(bioreactor, "o2_sensor"):
        return None
    try:
        return bioreactor.get_o2()
    except SensorFault as error:
        bioreactor.logger.warning("%s", error)
        return None


def set_led(bioreactor, power):
    if not _there(bioreactor, "led"):
        return False
    bioreactor.change_led(float(power))
    return True


def set_ring_light(bioreactor, color, pixel=None):
    if not _there(bioreactor, "ring_light"):
        return False
    bioreactor.change_ring_light(color, pixel)
    return True


def turn_off_ring_light(bioreactor):
    set_ring_light(bioreactor, (0, 0, 0))


def get_ring_light_color(bioreactor):
    if not _there(bioreactor, "ring_light"):
        return None
    state = bioreactor.get_ring_light_state()
    return state["red"], state["green"], state["blue"]


def set_peltier_power(bioreactor, duty_cycle, forward=True):
    """`forward` True, "heat" or "forward" heats."""
    if not _there(bioreactor, "peltier_driver"):
        return False
    bioreactor.change_peltier(duty_cycle, forward)
    return True


def stop_peltier(bioreactor):
    set_peltier_power(bioreactor, 0)


def get_peltier_state(bioreactor):
    """(duty, whether it heats)"""
    if not _there(bioreactor, "peltier_driver"):
        return None
    state = bioreactor.get_peltier_state()
    return state["duty_cycle"], state["direction"] in ("heat", "forward")


def set_stirrer_speed(bioreactor, duty_cycle):
    if not _there(bioreactor, "stirrer"):
        return False
    bioreactor.change_stirrer(duty_cycle)
    return True


def stop_stirrer(bioreactor):
    set_stirrer_speed(bioreactor, 0)


def change_pump(bioreactor, pump_name, ml_per_sec, direction=None):
    """`direction` "reverse" is a negative flow. A pump that cannot run backwards is stopped instead:
    refused and no more, it would go on forwards."""
    if not _there(bioreactor, "pumps"):
        return
    flow = abs(ml_per_sec) if direction else ml_per_sec
    flow = -flow if direction == "reverse" else flow
    try:
        bioreactor.change_pump(pump_name, flow)
    except OutOfRange as error:
        bioreactor.change_pump(pump_name, 0.0)
        if flow > 0:
            raise
        bioreactor.logger.warning("the pump %s is stopped: %s", pump_name, error)


def stop_pump(bioreactor, pump_name):
    change_pump(bioreactor, pump_name, 0.0)


def stop_all_pumps(bioreactor):
    for name in bioreactor.pumps:
        stop_pump(bioreactor, name)


def relay_on(bioreactor, relay_name):
    if not _there(bioreactor, "relays"):
        return False
    bioreactor.change_relay(relay_name, "closed")
    return True


def relay_off(bioreactor, relay_name):
    if not _there(bioreactor, "relays"):
        return False
    bioreactor.change_relay(relay_name, "open")
    return True


def toggle_relay(bioreactor, relay_name):
    if not _there(bioreactor, "relays"):
        return False
    return bioreactor.change_relay(relay_name, "toggle") == "closed"


def get_relay_state(bioreactor, relay_name):
    """Whether it is closed."""
    if not _there(bioreactor, "relays"):
        return False
    return bioreactor.get_relay_state(relay_name) == "closed"


def get_all_relay_states(bioreactor):
    if not _there(bioreactor, "relays"):
        return {}
    return {
        name: get_relay_state(bioreactor, name)
        for name in bioreactor.client.get_capabilities()["relays"].get("available_relays", [])
    }


def all_relays_off(bioreactor):
    for name in get_all_relay_states(bioreactor):
        relay_off(bioreactor, name)
