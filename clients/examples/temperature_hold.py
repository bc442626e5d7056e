"""Temperature hold with a plot."""

# Warms the culture to 30 °C, holds it for an hour and draws temperature_hold.png where matplotlib is there.
from bioreactor_client import Bioreactor, measure_all_data, pid_controller, write_data_to_csv

SETPOINT_C = 30.0
HOURS = 1.0

minutes, temperatures = [], []


def control(bio, elapsed):
    pid_controller(bio, SETPOINT_C, kp=12, ki=0.015, dt=5)


def log(bio, elapsed):
    row = measure_all_data(bio, elapsed=elapsed)
    write_data_to_csv(row)
    if row["temperature"] is not None:
        minutes.append(elapsed / 60)
        temperatures.append(row["temperature"])


with Bioreactor() as bio:
    bio.change_stirrer(40)
    bio.run([
        (control, 5, HOURS * 3600),
        (log, 20, HOURS * 3600),
    ]).wait()

settled = [t for m, t in zip(minutes, temperatures) if m > HOURS * 30]
print(f"second half: {min(settled):.2f} to {max(settled):.2f} °C")

try:
    import matplotlib
except ImportError:
    print("no matplotlib here, so no picture")
else:
    matplotlib.use("Agg")  # there is no screen
    import os

    from matplotlib import pyplot

    pyplot.plot(minutes, temperatures)
    pyplot.axhline(SETPOINT_C, linestyle="--", color="grey")
    pyplot.xlabel("minutes")
    pyplot.ylabel("°C")
    pyplot.savefig(os.path.join(os.environ.get("OUTPUT_DIR", "."), "temperature_hold.png"))
