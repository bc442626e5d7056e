/**
 * Runs every test and ends with one plain line, `N passed, N failed, N skipped`, whatever happened. A test
 * that needs a tool this machine lacks is skipped under a name that says which.
 *
 * Usage: `deno run -A tests/run.ts [arguments of deno test]`
 */
const SUMMARY = /(\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/;

// One folder for all that tests leave behind; its name is short because paths of sockets must be.
const folder = Deno.makeTempDirSync({ prefix: "hf-" });
const args = ["test", "-A", "--no-prompt", ...Deno.args];
const child = new Deno.Command(Deno.execPath(), {
  args,
  stdout: "piped",
  stderr: "inherit",
  env: { NO_COLOR: "1", TMPDIR: folder },
}).spawn();

let tail = "";
const decoder = new TextDecoder();
for await (const chunk of child.stdout) {
  await Deno.stdout.write(chunk);
  tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4000);
}
const { code } = await child.status;
Deno.removeSync(folder, { recursive: true });
const found = SUMMARY.exec(tail.split("\n").filter((line) => SUMMARY.test(line)).at(-1) ?? "");
const [passed, failed, skipped] = [1, 2, 3].map((group) => Number(found?.[group] ?? 0)) as [
  number,
  number,
  number,
];
// A run that broke off before its summary has failed, even where no test did.
const broken = found === null || (code !== 0 && failed === 0);
console.log(
  `\n${passed} passed, ${broken ? Math.max(1, failed) : failed} failed, ${skipped} skipped`,
);
Deno.exit(code === 0 && passed === 0 ? 1 : code);
