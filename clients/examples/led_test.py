"""LED and ring light test."""

# Every light in turn, with what the photodiodes see. Nothing is left on: the `with` block sees to it.
import time

from bioreactor_client import Bioreactor

with Bioreactor() as bio:
    print("photodiodes:", bio.get_od_voltages())

    for power in (15, 50, 100):
        bio.change_led(power)
        print(f"LED at {power} %")
        time.sleep(2)
    bio.change_led(False)

    for name, colour in (("red", (60, 0, 0)), ("green", (0, 60, 0)), ("blue", (0, 0, 60))):
        bio.change_ring_light(*colour)
        state = bio.get_ring_light_state()
        assert (state["red"], state["green"], state["blue"]) == colour, state
        print(f"ring light {name}")
        time.sleep(2)

print("LED test passed")
