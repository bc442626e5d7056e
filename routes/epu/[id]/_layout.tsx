import EpuAutomation from "../../../islands/EpuAutomation.tsx";
import { define } from "../../../lib/instrument/mod.ts";
import { automationOf } from "../../(_parts)/epu_decisions.ts";
import { readerOf } from "../../(_parts)/reader.ts";

/** Every page of an acquisition says when something may be approved without a person. */
export default define.layout(async function AcquisitionLayout(ctx) {
  const { Component, params, state, req, url } = ctx;
  const automation = await automationOf(state.instrument, params.id ?? "");
  return (
    <>
      {automation !== null && (
        <EpuAutomation
          {...automation}
          mayDecide={readerOf({ state, req }).mayOperate}
          back={url.pathname}
        />
      )}
      <Component />
    </>
  );
});
