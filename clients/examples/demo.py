"""Demo: two minutes of stirring, warming and measuring."""

# Stirs, warms a little for the middle minute, and writes a row every 2 seconds. Results: experiment_data.csv
import time

from bioreactor_client import Bioreactor, measure_all_data, write_data_to_csv

DURATION_S = 120
INTERVAL_S = 2
WARM_FROM_S, WARM_TO_S = 30, 90

with Bioreactor() as bio:
    bio.change_stirrer(30)
    bio.set_phase("stirring")
    warm = False
    start = time.monotonic()
    for turn in range(DURATION_S // INTERVAL_S):
        elapsed = time.monotonic() - start
        if warm != (WARM_FROM_S <= elapsed < WARM_TO_S):
            warm = not warm
            bio.change_peltier(40 if warm else 0, True)
            bio.set_phase("warming" if warm else "cooling down")
            bio.log_event("heater on" if warm else "heater off")
        row = measure_all_data(bio, elapsed=elapsed)
        write_data_to_csv(row)
        print(f"{elapsed:3.0f} s  {row['temperature']} °C  {row['co2_ppm']} ppm")
        # Wait for the next turn, not for two seconds: measuring takes time too.
        time.sleep(max(0, start + (turn + 1) * INTERVAL_S - time.monotonic()))

print("Demo complete. Download experiment_data.csv below.")
