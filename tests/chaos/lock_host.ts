import { runInstrument } from "../running_instrument.ts";

/**
 * A whole Holdfast in a process of its own, on the data folder given as its argument; prints its address.
 * Meant to be killed; ends by itself after two minutes.
 */
const { url } = await runInstrument({ HOLDFAST_DATA: Deno.args[0]! });
console.log(url);
await new Promise((done) => setTimeout(done, 120_000));
Deno.exit(1);
