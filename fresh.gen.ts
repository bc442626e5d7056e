// Written by `deno task build` from the files of routes/ and islands/. Not edited by hand.
import * as route0 from "./routes/_404.tsx";
import * as route1 from "./routes/_app.tsx";
import * as route2 from "./routes/_error.tsx";
import * as route3 from "./routes/alarms.tsx";
import * as route4 from "./routes/devices/[id].tsx";
import * as route5 from "./routes/devices/index.tsx";
import * as route6 from "./routes/epu/[id]/_layout.tsx";
import * as route7 from "./routes/epu/[id]/agents.tsx";
import * as route8 from "./routes/epu/[id]/decisions.tsx";
import * as route9 from "./routes/epu/[id]/files.tsx";
import * as route10 from "./routes/epu/[id]/findings.tsx";
import * as route11 from "./routes/epu/[id]/holes/[hole].tsx";
import * as route12 from "./routes/epu/[id]/index.tsx";
import * as route13 from "./routes/epu/[id]/squares/[square].tsx";
import * as route14 from "./routes/epu/[id]/trends.tsx";
import * as route15 from "./routes/epu/index.tsx";
import * as route16 from "./routes/epu/micrographs/[name].tsx";
import * as route17 from "./routes/epu/micrographs/index.tsx";
import * as route18 from "./routes/events.tsx";
import * as route19 from "./routes/experiments/[id].tsx";
import * as route20 from "./routes/experiments/archive.tsx";
import * as route21 from "./routes/experiments/compare.tsx";
import * as route22 from "./routes/experiments/index.tsx";
import * as route23 from "./routes/experiments/mine.tsx";
import * as route24 from "./routes/experiments/new.tsx";
import * as route25 from "./routes/experiments/results.tsx";
import * as route26 from "./routes/index.tsx";
import * as route27 from "./routes/locks/[device].tsx";
import * as route28 from "./routes/locks/index.tsx";
import * as route29 from "./routes/login.tsx";
import * as route30 from "./routes/problems/[kind].tsx";
import * as route31 from "./routes/problems/index.tsx";
import * as route32 from "./routes/settings/dashboard.tsx";
import * as route33 from "./routes/settings/index.tsx";
import * as route34 from "./routes/settings/simulator.tsx";
import * as route35 from "./routes/settings/theme.tsx";
import * as route36 from "./routes/settings/tokens.tsx";
import * as route37 from "./routes/settings/users.tsx";
import * as island0 from "./islands/AlarmBar.tsx";
import * as island1 from "./islands/AlarmBoard.tsx";
import * as island2 from "./islands/CommandForm.tsx";
import * as island3 from "./islands/CompareChart.tsx";
import * as island4 from "./islands/DeviceRows.tsx";
import * as island5 from "./islands/DeviceTable.tsx";
import * as island6 from "./islands/EpuAcquisitions.tsx";
import * as island7 from "./islands/EpuAgents.tsx";
import * as island8 from "./islands/EpuAutomation.tsx";
import * as island9 from "./islands/EpuDecisionLog.tsx";
import * as island10 from "./islands/EpuFiles.tsx";
import * as island11 from "./islands/EpuFindings.tsx";
import * as island12 from "./islands/EpuMicrograph.tsx";
import * as island13 from "./islands/EpuProposals.tsx";
import * as island14 from "./islands/EpuSession.tsx";
import * as island15 from "./islands/EpuTrends.tsx";
import * as island16 from "./islands/EventFeed.tsx";
import * as island17 from "./islands/ExperimentBoard.tsx";
import * as island18 from "./islands/ExperimentList.tsx";
import * as island19 from "./islands/History.tsx";
import * as island20 from "./islands/Keys.tsx";
import * as island21 from "./islands/LockBoard.tsx";
import * as island22 from "./islands/LockNotice.tsx";
import * as island23 from "./islands/ParameterForm.tsx";
import * as island24 from "./islands/RunFiles.tsx";
import * as island25 from "./islands/RunHead.tsx";
import * as island26 from "./islands/RunLog.tsx";
import * as island27 from "./islands/RunNotes.tsx";
import * as island28 from "./islands/RunPanel.tsx";
import * as island29 from "./islands/RunPlot.tsx";
import * as island30 from "./islands/RunValues.tsx";
import * as island31 from "./islands/ScriptEditor.tsx";
import * as island32 from "./islands/SimulatorPanel.tsx";
import * as island33 from "./islands/StopNotice.tsx";
import * as island34 from "./islands/TopStatus.tsx";
import * as island35 from "./islands/WhenReady.tsx";

/** Pages and what wraps them, by their path below routes/. */
export const routes = {
  "_404.tsx": route0,
  "_app.tsx": route1,
  "_error.tsx": route2,
  "alarms.tsx": route3,
  "devices/[id].tsx": route4,
  "devices/index.tsx": route5,
  "epu/[id]/_layout.tsx": route6,
  "epu/[id]/agents.tsx": route7,
  "epu/[id]/decisions.tsx": route8,
  "epu/[id]/files.tsx": route9,
  "epu/[id]/findings.tsx": route10,
  "epu/[id]/holes/[hole].tsx": route11,
  "epu/[id]/index.tsx": route12,
  "epu/[id]/squares/[square].tsx": route13,
  "epu/[id]/trends.tsx": route14,
  "epu/index.tsx": route15,
  "epu/micrographs/[name].tsx": route16,
  "epu/micrographs/index.tsx": route17,
  "events.tsx": route18,
  "experiments/[id].tsx": route19,
  "experiments/archive.tsx": route20,
  "experiments/compare.tsx": route21,
  "experiments/index.tsx": route22,
  "experiments/mine.tsx": route23,
  "experiments/new.tsx": route24,
  "experiments/results.tsx": route25,
  "index.tsx": route26,
  "locks/[device].tsx": route27,
  "locks/index.tsx": route28,
  "login.tsx": route29,
  "problems/[kind].tsx": route30,
  "problems/index.tsx": route31,
  "settings/dashboard.tsx": route32,
  "settings/index.tsx": route33,
  "settings/simulator.tsx": route34,
  "settings/theme.tsx": route35,
  "settings/tokens.tsx": route36,
  "settings/users.tsx": route37,
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
  "islands/EpuAgents.tsx": island7,
  "islands/EpuAutomation.tsx": island8,
  "islands/EpuDecisionLog.tsx": island9,
  "islands/EpuFiles.tsx": island10,
  "islands/EpuFindings.tsx": island11,
  "islands/EpuMicrograph.tsx": island12,
  "islands/EpuProposals.tsx": island13,
  "islands/EpuSession.tsx": island14,
  "islands/EpuTrends.tsx": island15,
  "islands/EventFeed.tsx": island16,
  "islands/ExperimentBoard.tsx": island17,
  "islands/ExperimentList.tsx": island18,
  "islands/History.tsx": island19,
  "islands/Keys.tsx": island20,
  "islands/LockBoard.tsx": island21,
  "islands/LockNotice.tsx": island22,
  "islands/ParameterForm.tsx": island23,
  "islands/RunFiles.tsx": island24,
  "islands/RunHead.tsx": island25,
  "islands/RunLog.tsx": island26,
  "islands/RunNotes.tsx": island27,
  "islands/RunPanel.tsx": island28,
  "islands/RunPlot.tsx": island29,
  "islands/RunValues.tsx": island30,
  "islands/ScriptEditor.tsx": island31,
  "islands/SimulatorPanel.tsx": island32,
  "islands/StopNotice.tsx": island33,
  "islands/TopStatus.tsx": island34,
  "islands/WhenReady.tsx": island35,
};
