import { scaleTime } from "./scaled_time.ts";
import { env } from "./transport.ts";

// Runs before a script, as `deno run --preload=rehearse.ts script.ts`.
scaleTime(Number(env("TIME_SCALE") ?? 1));
