// Written by `deno task build` from the files of routes/ and islands/. Not edited by hand.
import * as route0 from "./routes/_app.tsx";
import * as route1 from "./routes/index.tsx";
import * as island0 from "./islands/AlarmBar.tsx";
import * as island1 from "./islands/DeviceRows.tsx";
import * as island2 from "./islands/EventFeed.tsx";
import * as island3 from "./islands/History.tsx";
import * as island4 from "./islands/Keys.tsx";
import * as island5 from "./islands/RunCard.tsx";
import * as island6 from "./islands/TopStatus.tsx";

/** The pages and islands of this version; `openBuild` in lib/fresh/server.ts takes it. */
export const manifest = {
  routes: {
    "_app.tsx": route0,
    "index.tsx": route1,
  },
  islands: {
    "islands/AlarmBar.tsx": island0,
    "islands/DeviceRows.tsx": island1,
    "islands/EventFeed.tsx": island2,
    "islands/History.tsx": island3,
    "islands/Keys.tsx": island4,
    "islands/RunCard.tsx": island5,
    "islands/TopStatus.tsx": island6,
  },
};
