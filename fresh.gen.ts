// Written by `deno task build` from the files of routes/ and islands/. Not edited by hand.
import * as route0 from "./routes/_404.tsx";
import * as route1 from "./routes/_app.tsx";
import * as route2 from "./routes/_error.tsx";
import * as route3 from "./routes/alarms.tsx";
import * as route4 from "./routes/devices/[id].tsx";
import * as route5 from "./routes/devices/index.tsx";
import * as route6 from "./routes/events.tsx";
import * as route7 from "./routes/experiments/[id].tsx";
import * as route8 from "./routes/experiments/archive.tsx";
import * as route9 from "./routes/experiments/compare.tsx";
import * as route10 from "./routes/experiments/index.tsx";
import * as route11 from "./routes/experiments/mine.tsx";
import * as route12 from "./routes/experiments/new.tsx";
import * as route13 from "./routes/experiments/results.tsx";
import * as route14 from "./routes/index.tsx";
import * as route15 from "./routes/locks/[device].tsx";
import * as route16 from "./routes/locks/index.tsx";
import * as route17 from "./routes/login.tsx";
import * as route18 from "./routes/problems/[kind].tsx";
import * as route19 from "./routes/problems/index.tsx";
import * as route20 from "./routes/settings/dashboard.tsx";
import * as route21 from "./routes/settings/index.tsx";
import * as route22 from "./routes/settings/simulator.tsx";
import * as route23 from "./routes/settings/theme.tsx";
import * as route24 from "./routes/settings/tokens.tsx";
import * as route25 from "./routes/settings/users.tsx";
import * as island0 from "./islands/AlarmBar.tsx";
import * as island1 from "./islands/AlarmBoard.tsx";
import * as island2 from "./islands/CommandForm.tsx";
import * as island3 from "./islands/CompareChart.tsx";
import * as island4 from "./islands/DeviceRows.tsx";
import * as island5 from "./islands/DeviceTable.tsx";
import * as island6 from "./islands/EventFeed.tsx";
import * as island7 from "./islands/ExperimentBoard.tsx";
import * as island8 from "./islands/ExperimentList.tsx";
import * as island9 from "./islands/History.tsx";
import * as island10 from "./islands/Keys.tsx";
import * as island11 from "./islands/LockBoard.tsx";
import * as island12 from "./islands/LockNotice.tsx";
import * as island13 from "./islands/ParameterForm.tsx";
import * as island14 from "./islands/RunFiles.tsx";
import * as island15 from "./islands/RunHead.tsx";
import * as island16 from "./islands/RunLog.tsx";
import * as island17 from "./islands/RunNotes.tsx";
import * as island18 from "./islands/RunPanel.tsx";
import * as island19 from "./islands/RunPlot.tsx";
import * as island20 from "./islands/RunValues.tsx";
import * as island21 from "./islands/ScriptEditor.tsx";
import * as island22 from "./islands/SimulatorPanel.tsx";
import * as island23 from "./islands/StopNotice.tsx";
import * as island24 from "./islands/TopStatus.tsx";
import * as island25 from "./islands/WhenReady.tsx";

/** Pages and what wraps them, by their path below routes/. */
export const routes = {
  "_404.tsx": route0,
  "_app.tsx": route1,
  "_error.tsx": route2,
  "alarms.tsx": route3,
  "devices/[id].tsx": route4,
  "devices/index.tsx": route5,
  "events.tsx": route6,
  "experiments/[id].tsx": route7,
  "experiments/archive.tsx": route8,
  "experiments/compare.tsx": route9,
  "experiments/index.tsx": route10,
  "experiments/mine.tsx": route11,
  "experiments/new.tsx": route12,
  "experiments/results.tsx": route13,
  "index.tsx": route14,
  "locks/[device].tsx": route15,
  "locks/index.tsx": route16,
  "login.tsx": route17,
  "problems/[kind].tsx": route18,
  "problems/index.tsx": route19,
  "settings/dashboard.tsx": route20,
  "settings/index.tsx": route21,
  "settings/simulator.tsx": route22,
  "settings/theme.tsx": route23,
  "settings/tokens.tsx": route24,
  "settings/users.tsx": route25,
};

/** Islands by their path. */
export const islands = {
  "islands/AlarmBar.tsx": island0,
  "islands/AlarmBoard.tsx": island1,
  "islands/CommandForm.tsx": island2,
  "islands/CompareChart.tsx": island3,
  "islands/DeviceRows.tsx": island4,
  "islands/DeviceTable.tsx": island5,
  "islands/EventFeed.tsx": island6,
  "islands/ExperimentBoard.tsx": island7,
  "islands/ExperimentList.tsx": island8,
  "islands/History.tsx": island9,
  "islands/Keys.tsx": island10,
  "islands/LockBoard.tsx": island11,
  "islands/LockNotice.tsx": island12,
  "islands/ParameterForm.tsx": island13,
  "islands/RunFiles.tsx": island14,
  "islands/RunHead.tsx": island15,
  "islands/RunLog.tsx": island16,
  "islands/RunNotes.tsx": island17,
  "islands/RunPanel.tsx": island18,
  "islands/RunPlot.tsx": island19,
  "islands/RunValues.tsx": island20,
  "islands/ScriptEditor.tsx": island21,
  "islands/SimulatorPanel.tsx": island22,
  "islands/StopNotice.tsx": island23,
  "islands/TopStatus.tsx": island24,
  "islands/WhenReady.tsx": island25,
};
