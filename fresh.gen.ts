// Written by `deno task build` from the files of routes/ and islands/. Not edited by hand.
import * as route0 from "./routes/_404.tsx";
import * as route1 from "./routes/_app.tsx";
import * as route2 from "./routes/_error.tsx";
import * as route3 from "./routes/alarms.tsx";
import * as route4 from "./routes/devices/[id].tsx";
import * as route5 from "./routes/devices/index.tsx";
import * as route6 from "./routes/epu/[id]/holes/[hole].tsx";
import * as route7 from "./routes/epu/[id]/index.tsx";
import * as route8 from "./routes/epu/[id]/squares/[square].tsx";
import * as route9 from "./routes/epu/index.tsx";
import * as route10 from "./routes/epu/micrographs/[name].tsx";
import * as route11 from "./routes/epu/micrographs/index.tsx";
import * as route12 from "./routes/events.tsx";
import * as route13 from "./routes/experiments/[id].tsx";
import * as route14 from "./routes/experiments/archive.tsx";
import * as route15 from "./routes/experiments/compare.tsx";
import * as route16 from "./routes/experiments/index.tsx";
import * as route17 from "./routes/experiments/mine.tsx";
import * as route18 from "./routes/experiments/new.tsx";
import * as route19 from "./routes/experiments/results.tsx";
import * as route20 from "./routes/index.tsx";
import * as route21 from "./routes/locks/[device].tsx";
import * as route22 from "./routes/locks/index.tsx";
import * as route23 from "./routes/login.tsx";
import * as route24 from "./routes/problems/[kind].tsx";
import * as route25 from "./routes/problems/index.tsx";
import * as route26 from "./routes/settings/dashboard.tsx";
import * as route27 from "./routes/settings/index.tsx";
import * as route28 from "./routes/settings/simulator.tsx";
import * as route29 from "./routes/settings/theme.tsx";
import * as route30 from "./routes/settings/tokens.tsx";
import * as route31 from "./routes/settings/users.tsx";
import * as island0 from "./islands/AlarmBar.tsx";
import * as island1 from "./islands/AlarmBoard.tsx";
import * as island2 from "./islands/CommandForm.tsx";
import * as island3 from "./islands/CompareChart.tsx";
import * as island4 from "./islands/DeviceRows.tsx";
import * as island5 from "./islands/DeviceTable.tsx";
import * as island6 from "./islands/EpuAcquisitions.tsx";
import * as island7 from "./islands/EpuMicrograph.tsx";
import * as island8 from "./islands/EpuSession.tsx";
import * as island9 from "./islands/EventFeed.tsx";
import * as island10 from "./islands/ExperimentBoard.tsx";
import * as island11 from "./islands/ExperimentList.tsx";
import * as island12 from "./islands/History.tsx";
import * as island13 from "./islands/Keys.tsx";
import * as island14 from "./islands/LockBoard.tsx";
import * as island15 from "./islands/LockNotice.tsx";
import * as island16 from "./islands/ParameterForm.tsx";
import * as island17 from "./islands/RunFiles.tsx";
import * as island18 from "./islands/RunHead.tsx";
import * as island19 from "./islands/RunLog.tsx";
import * as island20 from "./islands/RunNotes.tsx";
import * as island21 from "./islands/RunPanel.tsx";
import * as island22 from "./islands/RunPlot.tsx";
import * as island23 from "./islands/RunValues.tsx";
import * as island24 from "./islands/ScriptEditor.tsx";
import * as island25 from "./islands/SimulatorPanel.tsx";
import * as island26 from "./islands/StopNotice.tsx";
import * as island27 from "./islands/TopStatus.tsx";
import * as island28 from "./islands/WhenReady.tsx";

/** Pages and what wraps them, by their path below routes/. */
export const routes = {
  "_404.tsx": route0,
  "_app.tsx": route1,
  "_error.tsx": route2,
  "alarms.tsx": route3,
  "devices/[id].tsx": route4,
  "devices/index.tsx": route5,
  "epu/[id]/holes/[hole].tsx": route6,
  "epu/[id]/index.tsx": route7,
  "epu/[id]/squares/[square].tsx": route8,
  "epu/index.tsx": route9,
  "epu/micrographs/[name].tsx": route10,
  "epu/micrographs/index.tsx": route11,
  "events.tsx": route12,
  "experiments/[id].tsx": route13,
  "experiments/archive.tsx": route14,
  "experiments/compare.tsx": route15,
  "experiments/index.tsx": route16,
  "experiments/mine.tsx": route17,
  "experiments/new.tsx": route18,
  "experiments/results.tsx": route19,
  "index.tsx": route20,
  "locks/[device].tsx": route21,
  "locks/index.tsx": route22,
  "login.tsx": route23,
  "problems/[kind].tsx": route24,
  "problems/index.tsx": route25,
  "settings/dashboard.tsx": route26,
  "settings/index.tsx": route27,
  "settings/simulator.tsx": route28,
  "settings/theme.tsx": route29,
  "settings/tokens.tsx": route30,
  "settings/users.tsx": route31,
};

/** Islands by their path. */
export const islands = {
  "islands/AlarmBar.tsx": island0,
  "islands/AlarmBoard.tsx": island1,
  "islands/CommandForm.tsx": island2,
  "islands/CompareChart.tsx": island3,
  "islands/DeviceRows.tsx": island4,
  "islands/DeviceTable.tsx": island5,
  "islands/EpuAcquisitions.tsx": island6,
  "islands/EpuMicrograph.tsx": island7,
  "islands/EpuSession.tsx": island8,
  "islands/EventFeed.tsx": island9,
  "islands/ExperimentBoard.tsx": island10,
  "islands/ExperimentList.tsx": island11,
  "islands/History.tsx": island12,
  "islands/Keys.tsx": island13,
  "islands/LockBoard.tsx": island14,
  "islands/LockNotice.tsx": island15,
  "islands/ParameterForm.tsx": island16,
  "islands/RunFiles.tsx": island17,
  "islands/RunHead.tsx": island18,
  "islands/RunLog.tsx": island19,
  "islands/RunNotes.tsx": island20,
  "islands/RunPanel.tsx": island21,
  "islands/RunPlot.tsx": island22,
  "islands/RunValues.tsx": island23,
  "islands/ScriptEditor.tsx": island24,
  "islands/SimulatorPanel.tsx": island25,
  "islands/StopNotice.tsx": island26,
  "islands/TopStatus.tsx": island27,
  "islands/WhenReady.tsx": island28,
};
