import assert from "node:assert/strict";
import { hasBwrap, hasPython, openRig } from "./test_rig.ts";

const MATPLOTLIB = "/usr/lib/python3/dist-packages/matplotlib";
const hasMatplotlib = await Deno.stat(MATPLOTLIB).then(() => true, () => false);

Deno.test({
  name: "this machine's scientific packages are a script's too: it computes, draws and saves" +
    (hasMatplotlib ? "" : " (needs python3-matplotlib)"),
  ignore: !hasMatplotlib || !hasPython || !hasBwrap,
  async fn() {
    await using rig = await openRig();
    const done = await rig.run(`
import numpy
import matplotlib.pyplot as plt
plt.plot(numpy.linspace(0, 1, 5) ** 2)
plt.savefig("curve.png")
print("rank", numpy.linalg.matrix_rank(numpy.eye(3)))
`);
    assert.equal(done.state, "completed", done.log);
    assert.match(done.log, /rank 3/);
    assert.deepEqual((await rig.experiments.files(done.id)).map((f) => f.path), ["curve.png"]);
  },
});
