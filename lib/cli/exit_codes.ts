/** What the process ends with; `holdfast help` lists them. */
export const EXIT = {
  ok: 0,
  /** Something failed that has no code of its own. */
  failed: 1,
  /** The command line. */
  usage: 2,
  /** holdfast.toml or the environment. */
  config: 3,
  /** "epu" commands: what they were to read is not there, or is not what it should be. */
  unreadable: 3,
  /** Another program listens on the port. */
  portTaken: 4,
  /** The data folder is missing, in use, unwritable, or holds what cannot be read. */
  dataFolder: 5,
  /** Listening beyond this machine without a login. */
  unsafeListen: 6,
  /** The instrument does not answer. */
  unreachable: 7,
  /** The instrument refused: see the message. */
  refused: 8,
  /** "experiments watch": it ended otherwise than completed. */
  notCompleted: 9,
} as const;

export const EXIT_MEANING: Readonly<Record<number, string>> = {
  0: "done",
  1: "something failed",
  2: "the command line is wrong",
  3: 'the configuration is wrong; of "epu" commands: what they were to read is unreadable',
  4: "the port is taken",
  5: "the data folder cannot be used",
  6: "listening beyond this machine needs a login to be set up",
  7: "the instrument does not answer",
  8: "the instrument refused",
  9: "the experiment that was watched did not complete",
};
