"""Turbidostat: optical density held by dilution."""

# Once a minute: read the OD, and where it is above the target replace culture by medium, culture out
# first so that the vessel never overflows. A state kept in checkpoint.json survives an interruption.
from functools import partial

from bioreactor_client import Bioreactor, measure_all_data, pid_controller, write_data_to_csv

TARGET_OD = 0.6
VOLUME_ML = 400
EXCHANGE_ML_MAX = 30
INTERVAL_S = 60
DURATION_S = 4 * 3600
# (seconds, °C): each step lasts so long, the last one to the end.
TEMPERATURES = [(3600, 25.0), (3600, 27.5), (None, 30.0)]


def optical_density(bio):
    """Median of three readings of the 135° photodiode: one bubble is no reason to dilute."""
    readings = sorted(v for v in (bio.get_od_voltages()[0] for _ in range(3)) if v is not None)
    if not readings:
        return None
    return max(0.0, 2.0 * readings[len(readings) // 2] - 0.1)  # calibrate your own: OD = 2 V - 0.1


def dilute(bio, elapsed, state):
    od = optical_density(bio)
    if od is not None and od > TARGET_OD:
        ml = min(EXCHANGE_ML_MAX, VOLUME_ML * (1 - TARGET_OD / od))
        bio.dose("outflow", ml)
        bio.dose("inflow", ml)
        state["exchanged_ml"] += ml
        bio.checkpoint(state)
    row = measure_all_data(bio, elapsed=elapsed)
    row["od"] = od
    row["exchanged_ml"] = state["exchanged_ml"]
    write_data_to_csv(row)


def hold_temperature(bio, elapsed):
    for seconds, setpoint in TEMPERATURES:
        if seconds is None or elapsed < seconds:
            break
        elapsed -= seconds
    pid_controller(bio, setpoint, kp=12, ki=0.015, dt=5)


with Bioreactor() as bio:
    state = bio.load_checkpoint({"exchanged_ml": 0.0})
    bio.change_stirrer(40)
    bio.run([
        (partial(dilute, state=state), INTERVAL_S, DURATION_S),
        (hold_temperature, 5, DURATION_S),
    ]).wait()
    print(f"exchanged {state['exchanged_ml']:.0f} ml")
