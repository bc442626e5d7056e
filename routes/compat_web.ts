import { type Context, Hono } from "hono";
import { asset } from "fresh/runtime";
import { actorOf } from "../lib/auth/model.ts";
import type { Clock } from "../lib/clock.ts";
import {
  askerOwner,
  CHANGES,
  type Compat,
  liveValues,
  type NodeDevices,
  RunChanges,
  RunRefusal,
} from "../lib/compat/mod.ts";
import { ExperimentAsk, type Experiments, submitProblem } from "../lib/experiments/mod.ts";
import { Html, markup } from "../lib/html.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import {
  type Answer,
  answer,
  askerOf,
  idOf,
  onFace,
  wholeQuery,
  zipReply,
} from "./compat_answer.ts";

/** The part of the instrument the web server's paths need. */
export interface WebSources {
  readonly experiments: Experiments;
  readonly devices: Pick<NodeDevices, "list">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly compat: Compat;
  readonly config: { readonly instrument: { readonly name: string } };
}

/** Pages of the originals' web server, and where the same is to be found here. */
const MOVED: Readonly<Record<string, string>> = {
  "/upload": "/experiments/new",
  "/queue": "/experiments",
  "/my-experiments": "/experiments?mine=1",
  "/dashboard": "/",
};

/**
 * The originals' web server: its pages lead to ours, its uploads, downloads, live data and settings answer
 * as there. Buttons (`cancel`, `run-now`, …) answer in its shape on its port only; mount this before
 * `hubCompat`.
 */
export function webCompat(sources: WebSources): Hono<HoldfastEnv> {
  const { experiments, devices, clock, compat, config } = sources;
  const api = new Hono<HoldfastEnv>();
  const changes = new RunChanges(experiments);

  for (const [path, target] of Object.entries(MOVED)) api.get(path, (c) => c.redirect(target, 302));
  api.get("/experiment/:id", (c) => c.redirect(`/experiments/${encodeURIComponent(idOf(c))}`, 302));

  api.get(
    "/experiment/:id/download",
    answer(async (c) => {
      const experiment = await changes.known(idOf(c));
      if (experiment.attempt === 0) throw new RunRefusal(404, "No results yet", "not_found");
      return zipReply(await experiments.archive(experiment), experiment.id);
    }),
  );

  api.post("/upload", async (c) => {
    const outcome = await upload(c);
    c.header("cache-control", "no-store");
    return c.html(uploadPage(config.instrument.name, outcome), 200);
  });

  for (const verb of CHANGES) {
    api.post(
      `/api/experiments/:id/${verb}`,
      onFace("web", told((c) => changes.change(verb, idOf(c), askerOf(c)))),
    );
  }
  api.post(
    "/api/experiments/:id/reorder",
    onFace(
      "web",
      answer((c) => {
        const index = wholeQuery(c, "new_position");
        return told(() => changes.reorder(idOf(c), index, askerOf(c)))(c);
      }),
    ),
  );

  api.get("/api/live-data", (c) => {
    c.header("cache-control", "no-store");
    if (/\btext\/event-stream\b/.test(c.req.header("accept") ?? "")) {
      const last = c.req.header("last-event-id") ?? "";
      return compat.feed.open({
        lastEventId: /^\d{1,15}$/.test(last) ? Number(last) : null,
        actor: actorOf(c.get("principal")),
      });
    }
    return c.json(liveValues({ experiments, devices }, compat.dashboard.settings, clock.nowMs()));
  });

  api.get("/api/settings/dashboard", (c) => {
    c.header("cache-control", "no-store");
    return c.json(compat.dashboard.settings);
  });
  api.post("/api/settings/dashboard", async (c) => {
    c.header("cache-control", "no-store");
    let given: unknown;
    try {
      given = JSON.parse(await c.req.text());
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return c.json({ status: "error", message: "The body is not valid JSON" });
    }
    const changed = await compat.dashboard.change(given, actorOf(c.get("principal")));
    return c.json(
      changed.ok
        ? { status: "success", message: "Settings saved" }
        : { status: "error", message: changed.refusal.text },
    );
  });

  return api;

  async function upload(c: Context<HoldfastEnv>): Promise<Upload> {
    const file = await fileIn(c);
    if (typeof file === "string") return { error: file };
    let script: string;
    try {
      script = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return { error: "The file is not UTF-8 text" };
    }
    const submitted = await experiments.submit(ExperimentAsk.parse({ script, kind: "python" }), {
      owner: askerOwner(askerOf(c)),
      actor: actorOf(c.get("principal")),
    });
    if (!submitted.ok) return { error: submitProblem(submitted.refusal).detail };
    const { experiment, queuePosition } = submitted.value;
    return { id: experiment.id, queuePosition };
  }
}

type Upload = { readonly error: string } | { readonly id: string; readonly queuePosition: number };

/** The uploaded script, or what is wrong with the form. */
async function fileIn(c: Context<HoldfastEnv>): Promise<File | string> {
  let form: FormData;
  try {
    form = await c.req.formData();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return "The request is not a form with a file";
  }
  const file = form.get("file");
  if (!(file instanceof File)) return 'The form has no file in its field "file"';
  if (!file.name.endsWith(".py")) return "Only Python files (.py) are taken here";
  return file;
}

/** The web server's answer to its buttons: always 200, whether it worked stands in the body. */
function told(act: (c: Context<HoldfastEnv>) => Promise<string>): Answer {
  return async (c) => {
    c.header("cache-control", "no-store");
    try {
      return c.json({ success: true, message: await act(c) });
    } catch (error) {
      if (!(error instanceof RunRefusal)) throw error;
      return c.json({ success: false, message: error.detail });
    }
  };
}

const SHEETS = ["tokens", "shell", "parts", "pages"];

function uploadPage(instrumentName: string, outcome: Upload): string {
  const title = "error" in outcome ? "Not submitted" : "Experiment submitted";
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title} · ${instrumentName} · Holdfast</title>
${SHEETS.map((name) => markup`<link rel="stylesheet" href="${asset(`/css/${name}.css`)}">`)}
</head>
<body>
<main class="main" id="main">
<section class="card">
<header><h1>${title}</h1></header>
${"error" in outcome ? failed(outcome.error) : waits(outcome.id, outcome.queuePosition)}
</section>
</main>
</body>
</html>
`.text;
}

function failed(error: string): Html {
  return markup`<p role="alert">Error: ${error}</p>
<p><a href="/experiments/new">Submit another</a></p>`;
}

function waits(id: string, queuePosition: number): Html {
  return markup`<p>Experiment ID: <code id="experiment_id">${id}</code></p>
<p>Queue position: <span id="queue_position">${queuePosition}</span></p>
<p><a href="/experiments/${id}">Watch it</a> · <a href="/experiments">All experiments</a></p>`;
}
