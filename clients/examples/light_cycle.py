"""Algae: 12 hours light, 12 hours dark, gas by relay."""

# Ring light in a day's rhythm at 25 °C, a row every 20 seconds. The relay lets gas in for the first
# minute, then rests and works in turns of five days.
from functools import partial

from bioreactor_client import (
    Bioreactor,
    measure_all_data,
    pid_controller,
    ring_light_cycle,
    write_data_to_csv,
)

HOUR, DAY = 3600, 86400
DAYS = 20
RELAY = "relay_3"
# (seconds, state), one after the other; the last one stays.
RELAY_STEPS = [(60, "closed"), (5 * DAY, "open"), (5 * DAY, "closed"), (5 * DAY, "open"),
               (5 * DAY, "closed"), (None, "open")]


def switch_relay(bio, elapsed):
    for seconds, state in RELAY_STEPS:
        if seconds is None or elapsed < seconds:
            break
        elapsed -= seconds
    if bio.get_relay_state(RELAY) != state:
        bio.change_relay(RELAY, state)
        bio.log_event(f"{RELAY} {state}")


def log(bio, elapsed):
    write_data_to_csv(measure_all_data(bio, elapsed=elapsed))


with Bioreactor() as bio:
    bio.change_stirrer(40)
    bio.run([
        (log, 20, DAYS * DAY),
        (partial(pid_controller, setpoint=25.0, kp=12, ki=0.015, dt=5), 5, DAYS * DAY),
        (partial(ring_light_cycle, color=(50, 50, 50), on_time=12 * HOUR, off_time=12 * HOUR),
         1, DAYS * DAY),
        (switch_relay, 10, DAYS * DAY),
    ]).wait()
