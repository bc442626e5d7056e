/** `numbers` is a list of them; `number` prints as a decimal fraction, `integer` without one. */
export type ColumnType = "time" | "number" | "integer" | "text" | "numbers" | "boolean";

/** A column of a run's CSV file. */
export interface Column {
  readonly type: ColumnType;
  readonly unit: string;
  readonly description: string;
}

function column(type: ColumnType, unit: string, description: string): Column {
  return { type, unit, description };
}

/** Declared columns in file order: one table for measuring, for both file forms and for their schema. */
export const COLUMNS: Readonly<Record<string, Column>> = {
  timestamp: column("time", "", "when the row was measured"),
  elapsed_s: column(
    "number",
    "s",
    "time since the first row, from a clock that never goes back",
  ),
  co2_ppm: column("number", "ppm", "CO2 in the gas above the culture"),
  temperature: column("number", "°C", "temperature of the culture"),
  od_voltages: column(
    "numbers",
    "V",
    "optical density photodiodes, in the order of the configuration",
  ),
  eyespy_voltages: column("numbers", "V", "eyespy boards, in the order of the configuration"),
  elapsed: column("number", "s", "elapsed time as the script gave it"),
  stirrer_duty: column("number", "%", "duty cycle of the stirrer"),
  peltier_duty: column("number", "%", "duty cycle of the peltier"),
  peltier_direction: column("text", "", "heat, cool, forward or reverse"),
  ring_light_r: column("integer", "", "ring light, red, 0 to 255"),
  ring_light_g: column("integer", "", "ring light, green, 0 to 255"),
  ring_light_b: column("integer", "", "ring light, blue, 0 to 255"),
  o2_percent: column("number", "%", "O2 in the gas above the culture"),
  photodiodes: column("numbers", "V", "photodiodes of the older node"),
  vial_temperatures: column("numbers", "°C", "temperatures of the vials"),
  io_temperatures: column("numbers", "°C", "temperatures of inlet and outlet"),
  peltier_current: column("number", "A", "supply current of the peltier"),
};
