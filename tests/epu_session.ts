import { join } from "node:path";
import type { Counts, Epu } from "../lib/epu/mod.ts";
import {
  type GeneratedFile,
  generateFiles,
  type PlanAsk,
  writeFiles,
} from "../lib/epu/tools/mod.ts";
import type { Instrument } from "../lib/instrument/mod.ts";
import { runInstrument, type RunningInstrument } from "./running_instrument.ts";

/** An instrument that watches the folder of an invented EPU session, for tests of what is shown of it. */
export interface SessionRig extends AsyncDisposable {
  readonly running: RunningInstrument;
  readonly instrument: Instrument;
  readonly epu: Epu;
  readonly url: string;
  /** Of the acquisition. */
  readonly id: string;
  /** Files that were held back. */
  readonly late: readonly GeneratedFile[];
  write(files: readonly GeneratedFile[]): void;
  /** Resolves once the acquisition's counts pass. */
  until(passes: (counts: Counts) => boolean): Promise<void>;
}

/** Resolves when everything but the files that are `late` has been taken in. */
export async function runSession(
  plan: PlanAsk,
  isLate: (file: GeneratedFile) => boolean = () => false,
  env: Record<string, string> = {},
): Promise<SessionRig> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-session-" });
  const visit = join(dir, "visit");
  await Deno.mkdir(visit);
  const late: GeneratedFile[] = [];
  let early = 0;
  function* first(): Generator<GeneratedFile> {
    for (const file of generateFiles(plan)) {
      if (isLate(file)) late.push(file);
      else {
        if (/_Data_.*\.xml$/.test(file.path)) early++;
        yield file;
      }
    }
  }
  writeFiles(visit, first());
  const file = join(dir, "holdfast.toml");
  await Deno.writeTextFile(
    file,
    `[epu]\nsettle_ms = 500\nrescan_ms = 1000\ngrace_ms = 0\n` +
      `[[epu.folders]]\nname = "krios"\ndir = "visit"\n`,
  );
  const running = await runInstrument({
    HOLDFAST_CONFIG: file,
    HOLDFAST_DATA: join(dir, "data"),
    ...env,
  });
  const { instrument } = running;
  const { epu } = instrument;
  async function close() {
    await running[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
  const found = () => epu.acquisitions({ limit: 1 }).then(({ items }) => items[0]?.id ?? null);
  const until = (passes: (counts: Counts) => boolean) =>
    onceOf(instrument, async () => {
      const id = await found();
      const counts = id === null ? null : await epu.counts(id);
      return counts !== null && passes(counts);
    });
  try {
    await until(({ exposures, orphans }) => exposures.seen >= early && orphans === 0);
    return {
      running,
      instrument,
      epu,
      url: running.url,
      id: (await found())!,
      late,
      write: (files) => void writeFiles(visit, files),
      until,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Looks after every commit, never twice at once. */
function onceOf({ kv }: Instrument, passes: () => Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    let looking = false;
    let again = false;
    async function look() {
      again = true;
      if (looking) return;
      looking = true;
      while (again) {
        again = false;
        if (await passes()) {
          unlisten();
          return resolve();
        }
      }
      looking = false;
    }
    const unlisten = kv.onEvents(() => void look().catch(reject));
    look().catch(reject);
  });
}
