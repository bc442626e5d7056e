// Five-minute logger in TypeScript
//
// Measures everything every 10 seconds for 5 minutes. Results: experiment_data.csv
import { Bioreactor, measureAllData, writeDataToCsv } from "bioreactor_client";

const MINUTES = 5;
const INTERVAL_S = 10;

await using bio = await Bioreactor.connect();
await bio.changeStirrer(40);

const jobs = bio.run([
  [
    async function log(bio, elapsed) {
      const row = await measureAllData(bio, { elapsed });
      writeDataToCsv(row);
      console.log(`CO2: ${row.co2_ppm} ppm, temperature: ${row.temperature} °C`);
    },
    INTERVAL_S,
    MINUTES * 60,
  ],
]);
await jobs.wait();
console.log("Experiment complete!");
