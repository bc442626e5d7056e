export { predictionPrefixes } from "./keys.ts";
export * from "./model.ts";
export { type PredictionAsk, type PredictionRefusal, PredictionStore } from "./store.ts";
export { suggestedHoles, suggestedSquares } from "./suggest.ts";
