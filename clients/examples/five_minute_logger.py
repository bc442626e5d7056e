"""Five-minute logger."""

# Measures everything every 10 seconds for 5 minutes. Results: experiment_data.csv
import time

from bioreactor_client import Bioreactor, measure_all_data, write_data_to_csv

MINUTES = 5
INTERVAL_S = 10

with Bioreactor() as bio:
    bio.change_stirrer(40)
    start = time.monotonic()
    for turn in range(MINUTES * 60 // INTERVAL_S):
        row = measure_all_data(bio, include_controls=True, elapsed=time.monotonic() - start)
        write_data_to_csv(row)
        print(f"CO2: {row['co2_ppm']} ppm, temperature: {row['temperature']} °C")
        # Wait for the next turn, not for ten seconds: measuring takes time too.
        time.sleep(max(0, start + (turn + 1) * INTERVAL_S - time.monotonic()))

print("Experiment complete!")
