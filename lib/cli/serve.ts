import type { CommandSpec } from "./command.ts";
import { settingsOf } from "./settings.ts";

export const serve: CommandSpec = {
  name: "serve",
  summary: "Run the instrument and serve its pages and interface",
  options: {
    host: { value: "ADDRESS", help: "Address to listen on (default: 127.0.0.1)" },
    port: { value: "NUMBER", help: "Port to listen on (default: 8000)" },
    data: { value: "FOLDER", help: "Data folder (default: ./data)" },
    dev: { help: "Rebuild pages as their files change" },
  },
  notes: [
    "Without a configuration a simulated bioreactor starts. Ctrl-C brings every actuator to its safe state and ends.",
  ],
  async run(args, host) {
    const loaded = settingsOf(args, host, {
      HOLDFAST_HOST: args.text("host"),
      HOLDFAST_PORT: args.text("port"),
      HOLDFAST_DATA: args.text("data"),
    });
    return await host.serve({ loaded, verbosity: args.verbosity, dev: args.flag("dev") });
  },
};

export const agent: CommandSpec = {
  name: "agent",
  summary: "Become one agent; started by Holdfast itself",
  positionals: "NAME [ARGS...]",
  hidden: true,
  run: (args, host) => host.agent(args.positionals[0]!, args.positionals.slice(1)),
};
