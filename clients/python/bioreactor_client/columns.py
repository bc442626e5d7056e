"""The columns of a run's CSV file: one table for measuring, for both file forms and for their schema."""

# name: (type, unit, what it is). Types: number (a float), integer, text, numbers (a list), time.
COLUMNS = {
    "timestamp": ("time", "", "when the row was measured"),
    "elapsed_s": ("number", "s", "time since the first row, from a clock that never goes back"),
    "co2_ppm": ("number", "ppm", "CO2 in the gas above the culture"),
    "temperature": ("number", "°C", "temperature of the culture"),
    "od_voltages": ("numbers", "V", "optical density photodiodes, in the order of the configuration"),
    "eyespy_voltages": ("numbers", "V", "eyespy boards, in the order of the configuration"),
    "elapsed": ("number", "s", "elapsed time as the script gave it"),
    "stirrer_duty": ("number", "%", "duty cycle of the stirrer"),
    "peltier_duty": ("number", "%", "duty cycle of the peltier"),
    "peltier_direction": ("text", "", "heat, cool, forward or reverse"),
    "ring_light_r": ("integer", "", "ring light, red, 0 to 255"),
    "ring_light_g": ("integer", "", "ring light, green, 0 to 255"),
    "ring_light_b": ("integer", "", "ring light, blue, 0 to 255"),
    "o2_percent": ("number", "%", "O2 in the gas above the culture"),
    "photodiodes": ("numbers", "V", "photodiodes of the older node"),
    "vial_temperatures": ("numbers", "°C", "temperatures of the vials"),
    "io_temperatures": ("numbers", "°C", "temperatures of inlet and outlet"),
    "peltier_current": ("number", "A", "supply current of the peltier"),
}

# Declared columns of a measured row, in file order. `elapsed` only when the caller gives it.
SENSORS = ("timestamp", "co2_ppm", "temperature", "od_voltages", "eyespy_voltages", "elapsed")
CONTROLS = (
    "stirrer_duty",
    "peltier_duty",
    "peltier_direction",
    "ring_light_r",
    "ring_light_g",
    "ring_light_b",
)
