// Demo in TypeScript: two minutes of stirring, warming and measuring
//
// Stirs, warms a little for the middle minute, and writes a row every 2 seconds. Results: experiment_data.csv
import { Bioreactor, measureAllData, writeDataToCsv } from "bioreactor_client";

const DURATION_S = 120;
const INTERVAL_S = 2;
const WARM_FROM_S = 30;
const WARM_TO_S = 90;

await using bio = await Bioreactor.connect();
await bio.changeStirrer(30);
await bio.setPhase("stirring");

let warm = false;
const jobs = bio.run([
  [
    async function measure(bio, elapsed) {
      if (warm !== (elapsed >= WARM_FROM_S && elapsed < WARM_TO_S)) {
        warm = !warm;
        await bio.changePeltier(warm ? 40 : 0, true);
        await bio.setPhase(warm ? "warming" : "cooling down");
        await bio.logEvent(warm ? "heater on" : "heater off");
      }
      const row = await measureAllData(bio, { elapsed });
      writeDataToCsv(row);
      console.log(`${elapsed.toFixed(0)} s  ${row.temperature} °C  ${row.co2_ppm} ppm`);
    },
    INTERVAL_S,
    DURATION_S,
  ],
]);
await jobs.wait();
console.log("Demo complete. Download experiment_data.csv below.");
