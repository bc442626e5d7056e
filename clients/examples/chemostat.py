"""Chemostat: constant dilution at 37 °C."""

# Medium flows in as fast as culture flows out; the temperature is held; everything is logged.
from functools import partial

from bioreactor_client import (
    Bioreactor,
    balanced_flow,
    measure_all_data,
    pid_controller,
    write_data_to_csv,
)

PUMP = "inflow"  # its partner is found by name: inflow and outflow, tube_1_in and tube_1_out
FLOW_ML_PER_S = 0.01
TEMPERATURE_C = 37.0
DURATION_S = 8 * 3600


def log(bio, elapsed):
    write_data_to_csv(measure_all_data(bio, elapsed=elapsed))


with Bioreactor() as bio:
    bio.change_stirrer(40)
    bio.set_phase(f"{FLOW_ML_PER_S * 3600:g} ml/h at {TEMPERATURE_C} °C")
    jobs = bio.run([
        (partial(balanced_flow, pump_name=PUMP, ml_per_sec=FLOW_ML_PER_S), 1, DURATION_S),
        (partial(pid_controller, setpoint=TEMPERATURE_C, kp=12, ki=0.015), 1, DURATION_S),
        (log, 20, DURATION_S),
    ])
    jobs.wait()
    print(jobs.counts())
