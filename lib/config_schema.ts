import { z } from "zod";
import { type Face, FACE_PORTS, FACES } from "./compat/model.ts";
import { LOG_LEVELS } from "./log.ts";

const HostName = z.string().regex(
  /^[A-Za-z0-9.:*[\]_-]+$/,
  "must be a host name or an IP address, without scheme or path",
);
const Slug = z.string().regex(
  /^[a-z][a-z0-9_-]*$/,
  "must be lower case letters, digits, - and _, starting with a letter",
);
/** Handed to an agent as what it may read, where a comma would part it in two. */
const WatchedFolder = z.string().min(1).refine(
  (path) => !path.includes(","),
  "must have no comma in it",
);
const Port = z.number().int().min(0).max(65535);

/** Which face each port shows. A list of the originals' own ports says it too: `[3000, 9000]`. */
const FacePorts = z.preprocess(
  (given, ctx) => Array.isArray(given) ? ofKnownPorts(given, ctx) : given,
  z.strictObject({
    web: Port.optional(),
    hub: Port.optional(),
    node: Port.optional(),
    locks: Port.optional(),
    smartem: Port.optional(),
  })
    .superRefine((ports, ctx) => {
      for (const face of FACES) {
        const port = ports[face];
        const other = FACES.find((one) => one !== face && ports[one] === port);
        if (port === undefined || port === 0 || other === undefined) continue;
        if (FACES.indexOf(other) > FACES.indexOf(face)) continue;
        ctx.addIssue({
          code: "custom",
          path: [face],
          message: `port ${port} is the ${other}'s already; each face needs its own`,
        });
      }
    }),
);

function ofKnownPorts(given: unknown[], ctx: z.RefinementCtx): Partial<Record<Face, unknown>> {
  const ports: Partial<Record<Face, unknown>> = {};
  for (const port of given) {
    const face = FACES.find((one) => FACE_PORTS[one] === port);
    if (face !== undefined) ports[face] = port;
    else {
      ctx.addIssue({
        code: "custom",
        message:
          `${
            JSON.stringify(port)
          } is none of 3000 (web), 8000 (hub), 9000 (node), 60620 (locks) and 30080 (smartem); ` +
          "for another port say whose it is: { node = 9001 }",
      });
    }
  }
  return ports;
}

/** A list of named things, each name once. */
function distinct<T extends { readonly name: string }>(list: z.ZodType<T[]>): z.ZodType<T[]> {
  return list.superRefine((all, ctx) => {
    for (const [i, { name }] of all.entries()) {
      if (all.findIndex((one) => one.name === name) === i) continue;
      ctx.addIssue({ code: "custom", path: [i, "name"], message: `"${name}" is named twice` });
    }
  });
}

/**
 * `holdfast.toml`. Keys are `snake_case` in the file and `camelCase` here: `server.body_limit_mb` is
 * `config.server.bodyLimitMb`. What is inside `agents[].config` belongs to that agent and is left as it
 * is. Every key has a default, with which the simulated instrument starts; unknown keys are refused.
 */
export const ConfigFile = z.strictObject({
  instrument: z.strictObject({
    /** What people call it; shown on every page. */
    name: z.string().trim().min(1).max(60).default("Vessel A"),
    /** Colour of the stripe beside the name, `#rrggbb`. */
    stripe: z.string().regex(/^#[0-9a-fA-F]{6}$/, "must be a colour such as #e0a526")
      .default("#e0a526"),
  }).prefault({}),
  server: z.strictObject({
    /** Address to listen on; anything but loopback needs `auth.enabled`. */
    host: HostName.default("127.0.0.1"),
    /** 0 lets the system choose one. */
    port: Port.default(8000),
    /** Further names this machine is reached by, without port; loopback names always hold. */
    allowedHosts: z.array(HostName).default([]),
    /** Further origins whose pages may call the API, such as `https://lab.example.org`. */
    allowedOrigins: z.array(z.url({ protocol: /^https?$/ })).default([]),
    /** Addresses of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
    trustedProxies: z.array(HostName).default([]),
    /** Largest request body, MiB. */
    bodyLimitMb: z.number().positive().max(4096).default(8),
  }).prefault({}),
  data: z.strictObject({
    /** The data folder; relative paths start at the configuration file's folder. */
    dir: z.string().min(1).default("./data"),
    /** Free space, MiB, below which nothing new is started and an alarm is raised. */
    diskFloorMb: z.number().nonnegative().default(500),
  }).prefault({}),
  simulation: z.strictObject({
    /** Whether the simulated bioreactor runs. Without it: yes where no agent or EPU folder is configured. */
    enabled: z.boolean().optional(),
    seed: z.number().int().nonnegative().default(1),
    /** Simulated seconds a second, 1 to 1000. */
    timeScale: z.number().min(1).max(1000).default(1),
    pumps: z.array(Slug).default(["inflow", "outflow"]),
    relays: z.array(Slug).default(["relay_1", "relay_2", "relay_3", "relay_4"]),
  }).prefault({}),
  agents: z.array(z.strictObject({
    /** Unique among agents; names it in the log. */
    id: Slug,
    /** Which agent program, as `holdfast agent NAME` takes it. */
    agent: Slug,
    enabled: z.boolean().default(true),
    /** Handed to the agent as it is; the agent checks it. */
    config: z.record(z.string(), z.unknown()).default({}),
  })).default([]),
  auth: z.strictObject({
    /** Whether people log in. Without it only this machine may connect, with all rights. */
    enabled: z.boolean().default(false),
    /** A session ends after this time without a request. */
    sessionHours: z.number().positive().max(24 * 90).default(12),
  }).prefault({}),
  experiments: z.strictObject({
    /** Most waiting and running experiments of one owner. */
    activeLimit: z.number().int().min(1).max(1000).default(5),
    /** How many run at the same time; more than one only on devices of their own. */
    concurrency: z.number().int().min(1).max(16).default(1),
    /** Largest script, KiB. */
    scriptLimitKb: z.number().int().min(1).max(65536).default(1024),
    python: z.string().min(1).default("python3"),
    /** The Deno that runs TypeScript; `self` is the one that runs Holdfast. */
    deno: z.string().min(1).default("self"),
    /** `auto`: bwrap where it works, else Python scripts are refused; `none`: no boundary. */
    sandbox: z.enum(["auto", "bwrap", "none"]).default("auto"),
    /** What Python scripts run in: `sandbox` above, or a container engine with an image of its own. */
    runner: z.enum(["bwrap", "docker", "podman"]).default("bwrap"),
    /** Image of the container engine; it is never pulled. The default is the originals'. */
    image: z.string().regex(
      /^[a-z0-9][a-z0-9._/:@-]{0,254}$/i,
      "must be the name of an image, such as bioreactor-user-experiment:latest",
    ).default("bioreactor-user-experiment:latest"),
    /** Path of the container engine; absent: the runner's name in the usual folders. */
    engine: z.string().min(1).optional(),
    /** Limits of a run that names none of its own. */
    limits: z.strictObject({
      /** Wall clock of a run, the time it is held left out; absent: none. */
      wallMs: z.number().int().positive().nullable().default(null),
      /** CPU time of all processes of a run, seconds; absent: none. */
      cpuS: z.number().int().positive().nullable().default(null),
      memoryMb: z.number().int().min(32).default(512),
      outputMb: z.number().int().min(1).default(2048),
      logMb: z.number().int().min(1).default(50),
      processes: z.number().int().min(1).default(64),
    }).prefault({}),
    /** From asking a run to stop (SIGTERM) until it is made to (SIGKILL). */
    killGraceMs: z.number().int().min(100).default(30_000),
    /**
     * Longest outage of an agent or of the runtime, seconds, after which a run that goes on gets the setpoints
     * back that keep its culture (stirrer, heater, lights); 0: never.
     */
    restoreSetpointsS: z.number().int().min(0).max(3600).default(60),
    /** Files of ended runs are removed after this many days; 0 keeps them. */
    retentionDays: z.number().int().nonnegative().default(0),
    /** Files of all ended runs together, MiB: the oldest are removed beyond it; 0 sets no limit. */
    retentionMb: z.number().int().nonnegative().default(0),
    /** Records of ended experiments without files are removed after this many days; 0 keeps them. */
    recordDays: z.number().int().nonnegative().default(0),
  }).prefault({}),
  telemetry: z.strictObject({
    /** How long every sample is kept. */
    rawDays: z.number().positive().default(14),
    /** How long minute means, minima and maxima are kept. */
    minuteDays: z.number().positive().default(730),
    hourDays: z.number().positive().default(3650),
    /** How often samples are written. */
    flushMs: z.number().int().min(100).max(60_000).default(1000),
  }).prefault({}),
  stream: z.strictObject({
    viewersMax: z.number().int().min(1).default(500),
  }).prefault({}),
  events: z.strictObject({
    countMax: z.number().int().min(1000).default(200_000),
    ageDays: z.number().positive().default(365),
  }).prefault({}),
  epu: z.strictObject({
    /** Folders that EPU writes to, a project or many below each. */
    folders: z.array(z.strictObject({
      /** Unique; names the folder in lists of files. */
      name: Slug,
      /** The folder; relative paths start at the configuration file's folder. */
      dir: WatchedFolder,
      /** Where the atlases lie that sessions point to, where that is outside `dir`. */
      atlasRoots: z.array(WatchedFolder).max(20).default([]),
      /** Where the EPU machine's drives stand on this one: `{ from = "D:\\", to = "/mnt/epu" }`. */
      drives: z.array(z.strictObject({
        from: z.string().min(1),
        to: z.string().min(1),
      })).max(26).default([]),
    })).max(20).default([]),
    /** Between two looks at everything. */
    rescanMs: z.number().int().min(1000).max(3_600_000).default(10_000),
    /** A file is read once it has looked the same for this time. */
    settleMs: z.number().int().min(500).max(60_000).default(1000),
    /** A file that stays unfinished for this time is shown as truncated. */
    truncatedMs: z.number().int().min(10_000).default(300_000),
    /** How long a micrograph waits for its hole before the hole is made from its name. */
    graceMs: z.number().int().min(0).default(60_000),
    /** A session with nothing left to expose is finished after so many minutes without a change. */
    finishedMinutes: z.number().positive().default(30),
    /** Services that are told what happens in cryo-EM sessions, such as a processing pipeline. */
    webhooks: distinct(
      z.array(z.strictObject({
        /** Unique; its queue is kept under it. */
        name: Slug,
        url: z.url({ protocol: /^https?$/ }),
        /** Signs what is sent; without one it is sent unsigned. */
        secret: z.string().min(16, "must have at least 16 characters").optional(),
        /** Beginnings of the event types it is told of. */
        types: z.array(z.string().startsWith("epu.")).min(1).default(["epu."]),
      })).max(20),
    ).default([]),
    /** Services that propose which squares and holes to visit next. */
    authorities: distinct(
      z.array(z.strictObject({
        /** Unique, and none of the built-in `epu-order`, `manual`, `intensity`, `bayes`. */
        name: Slug.refine(
          (name) => !["epu-order", "manual", "intensity", "bayes"].includes(name),
          "is the name of a built-in authority",
        ),
        url: z.url({ protocol: /^https?$/ }),
        secret: z.string().min(16, "must have at least 16 characters").optional(),
        timeoutMs: z.number().int().min(100).max(30_000).default(10_000),
      })).max(20),
    ).default([]),
    /** Where an Athena Decision Service answers; without it decisions cannot be sent there. */
    athenaUrl: z.url({ protocol: /^https?$/ }).optional(),
    /** Least time between two askings of an acquisition's authorities. */
    askEveryMs: z.number().int().min(1000).max(3_600_000).default(60_000),
  }).prefault({}),
  log: z.strictObject({
    level: z.enum(LOG_LEVELS).default("info"),
    /** A file is closed and numbered at this size, KiB. */
    sizeKb: z.number().int().min(10).default(1024),
    /** How many files are kept, the current one included. */
    files: z.number().int().min(1).max(100).default(5),
  }).prefault({}),
  coordination: z.strictObject({
    /**
     * Old lists of locks show the keys themselves instead of a hash: for programs that release the locks of
     * others by them. Whoever may look can then end any lock.
     */
    exposeLockKeys: z.boolean().default(false),
  }).prefault({}),
  compat: z.strictObject({
    /**
     * Further ports for clients of the systems Holdfast replaces, each with the face it shows; 0 lets the
     * system choose one. A face on the main port is shown there.
     */
    ports: FacePorts.prefault({}),
    /** Where the SmartEM API stands on the main port: what its clients are given as the end of its address. */
    smartemPath: z.string().regex(
      /^(\/[A-Za-z0-9][A-Za-z0-9_-]*)+$/,
      'must be a path such as "/smartem", without a slash at its end',
    ).refine(
      (path) => !/^\/(api|css|icons|_fresh|docs|problems)(\/|$)/.test(path),
      "is another part's place",
    ).default("/smartem"),
    /**
     * What older scripts call pumps of this instrument, each as `older=ours`. Without it: nothing on real
     * pumps, and on simulated ones the names of the originals' own examples.
     */
    pumpNames: z.array(
      z.string().regex(
        /^[A-Za-z][A-Za-z0-9_-]*=[a-z][a-z0-9_-]*$/,
        'must be such as "tube_1_in=inflow"',
      ),
    ).optional(),
  }).prefault({}),
});

/** The effective configuration: all defaults filled in, paths absolute. */
export type Config = Omit<z.output<typeof ConfigFile>, "simulation" | "compat"> & {
  readonly simulation: Required<z.output<typeof ConfigFile>["simulation"]>;
  readonly compat: Required<z.output<typeof ConfigFile>["compat"]>;
};
