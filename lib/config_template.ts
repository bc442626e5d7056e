/**
 * What `holdfast init` writes: every key, explained, with its default. Lines that start with `#` and a
 * key are defaults; a test reads them with their `#` taken away.
 */
export const CONFIG_TEMPLATE =
  `# Holdfast. Every key may be left out; the values shown are the defaults.
# Check with "holdfast config"; every mistake is reported with its line.
# Each key can be set by the environment too: HOLDFAST_SERVER_PORT, HOLDFAST_LOG_LEVEL;
# short for the most used: HOLDFAST_HOST, HOLDFAST_PORT, HOLDFAST_DATA, HOLDFAST_NAME, LOG_LEVEL.

[instrument]
# What people call it; on every page.
name = "Vessel A"
# Colour of the stripe beside the name: tells two instruments apart at a glance.
# stripe = "#e0a526"

[server]
# Listening beyond this machine ("0.0.0.0") needs [auth] enabled and an admin.
# host = "127.0.0.1"
# port = 8000
# Further names this machine is reached by, without port.
# allowed_hosts = []
# Other sites whose pages may call the interface, such as "https://lab.example.org".
# allowed_origins = []
# Addresses of reverse proxies that are believed about who asks.
# trusted_proxies = []
# Largest upload, MiB.
# body_limit_mb = 8

[data]
# The data folder; relative to this file.
# dir = "./data"
# Below this free space, MiB, nothing new is started.
# disk_floor_mb = 500

[simulation]
# A simulated bioreactor. Without this key it runs where no agent and no EPU folder is configured below.
# enabled = true
# seed = 1
# Simulated seconds a second, 1 to 1000.
# time_scale = 1
# pumps = ["inflow", "outflow"]
# relays = ["relay_1", "relay_2", "relay_3", "relay_4"]

# Real hardware: one agent a bus. What is in its config is described with the agent.
# [[agents]]
# id = "bus-1"
# agent = "bioreactor"
# enabled = true
# config = {}

[auth]
# People log in; add the first with "holdfast user add NAME --role admin".
# enabled = false
# A session ends after so many hours without a request.
# session_hours = 12

[experiments]
# Most waiting and running experiments of one owner.
# active_limit = 5
# How many run at the same time; more than one only on devices of their own.
# concurrency = 1
# Largest script, KiB.
# script_limit_kb = 1024
# python = "python3"
# The Deno that runs TypeScript; "self" is the one that runs Holdfast.
# deno = "self"
# "auto": Python scripts run inside bwrap and are refused without it; "none": no boundary.
# sandbox = "auto"
# What Python scripts run in: "bwrap" (as "sandbox" says), or a container engine, "docker" or "podman",
# with an image that is on this machine already. "engine" is its path where it is not in the usual folders.
# runner = "bwrap"
# image = "bioreactor-user-experiment:latest"
# From asking a run to stop (SIGTERM) until it is made to (SIGKILL).
# kill_grace_ms = 30000
# Longest outage of an agent or of the runtime, seconds, after which a run that goes on gets its stirrer,
# heater and lights back as it had set them; 0: never. Pumps and gas are never repeated.
# restore_setpoints_s = 60
# Files of ended runs are removed after so many days; 0 keeps them.
# retention_days = 0
# Files of all ended runs together, MiB: the oldest are removed beyond it; 0 sets no limit.
# retention_mb = 0
# Records of ended experiments without files are removed after this many days; 0 keeps them.
# record_days = 0

[experiments.limits]
# Of a run that names none of its own. Wall clock: none unless set.
# wall_ms = 86400000
# CPU time of all its processes, seconds: none unless set.
# cpu_s = 36000
# memory_mb = 512
# output_mb = 2048
# log_mb = 50
# processes = 64

[telemetry]
# How long every sample, minute means with extremes, and hour means are kept.
# raw_days = 14
# minute_days = 730
# hour_days = 3650
# How often samples are written.
# flush_ms = 1000

[stream]
# Most live views at once.
# viewers_max = 500

[events]
# The record of what happened is trimmed by count and by age.
# count_max = 200000
# age_days = 365

[epu]
# Cryo-EM: folders that EPU writes to. Each is read by an agent that may read it and nothing else.
# rescan_ms = 10000
# A file is read once it has looked the same for this time.
# settle_ms = 1000
# truncated_ms = 300000
# How long a micrograph waits for its hole before the hole is made from its name.
# grace_ms = 60000
# finished_minutes = 30
# Least time between two askings of an acquisition's decision authorities.
# ask_every_ms = 60000
# An Athena Decision Service that decisions can be sent to; none by default.
# athena_url = "http://athena.example.org:8080"
# [[epu.folders]]
# name = "krios-1"
# dir = "/mnt/epu/visit"
# Where atlases lie outside of it, and where the EPU machine's drives stand here.
# atlas_roots = []
# drives = []
# Services that are told what happens, such as a processing pipeline; the secret signs what they get.
# [[epu.webhooks]]
# name = "pipeline"
# url = "http://127.0.0.1:9100/holdfast"
# secret = "at least 16 characters"
# types = ["epu."]
# Services that propose which squares and holes to visit next.
# [[epu.authorities]]
# name = "lab-model"
# url = "http://127.0.0.1:9101/propose"
# secret = "at least 16 characters"
# timeout_ms = 10000

[log]
# "debug", "info", "warn" or "error".
# level = "info"
# A file is closed and numbered at this size, KiB; so many are kept.
# size_kb = 1024
# files = 5

[coordination]
# Old lists of locks show the keys themselves, with which whoever may look can end any lock.
# expose_lock_keys = false

[compat]
# Further ports for clients of the systems Holdfast replaces, each with the face it shows, such as
# { web = 3000, hub = 8000, node = 9000, locks = 60620, smartem = 30080 }. A face on the main port is
# shown there.
# ports = {}
# Where the SmartEM API stands on the main port, for agents and pages of the original.
# smartem_path = "/smartem"
# What older scripts call pumps of this instrument. On simulated pumps the default is as here; on real
# ones no pump answers to another's name until it is written here.
# pump_names = ["tube_1_in=inflow", "tube_1_out=outflow"]
`;
