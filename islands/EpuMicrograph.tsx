import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Grey, halved, powerSpectrum, spectrumSide } from "../components/epu/fft.ts";
import {
  autoRange,
  BINS,
  greyOf,
  type Histogram,
  histogramOf,
  outlineOf,
  stretched,
} from "../components/epu/stretch.ts";

interface Props {
  src: string;
  alt: string;
  /** Å per pixel of the camera's image; with its width, what the picture's edge in the spectrum is. */
  pixelSizeA: number | null;
  widthPx: number | null;
}

interface Taken {
  readonly grey: Grey;
  readonly histogram: Histogram;
}

const BOX = { width: 256, height: 56 };
/** The spectrum's brightest and darkest are few: more of them are given up. */
const SPECTRUM_CUT = 0.01;

/** A micrograph's picture with its black and white points, and its power spectrum. */
export default function EpuMicrograph({ src, alt, pixelSizeA, widthPx }: Props) {
  const image = useRef<HTMLImageElement>(null);
  const picture = useRef<HTMLCanvasElement>(null);
  const spectrum = useRef<HTMLCanvasElement>(null);
  const taken = useSignal<Taken | null>(null);
  const range = useSignal<readonly [number, number]>([0, 255]);
  const isAbsent = useSignal(false);

  useEffect(() => {
    const element = image.current!;
    function take() {
      const { naturalWidth: width, naturalHeight: height } = element;
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d")!;
      context.drawImage(element, 0, 0);
      const grey = greyOf(context.getImageData(0, 0, width, height));
      const histogram = histogramOf(grey);
      range.value = autoRange(histogram);
      taken.value = { grey, histogram };
    }
    const absent = () => isAbsent.value = true;
    // It may have come before the page was awake.
    if (element.complete && element.naturalWidth > 0) take();
    else if (element.complete) absent();
    else {
      element.addEventListener("load", take);
      element.addEventListener("error", absent);
    }
    return () => {
      element.removeEventListener("load", take);
      element.removeEventListener("error", absent);
    };
  }, [src]);

  const { value: one } = taken;
  const [low, high] = range.value;
  useEffect(() => {
    if (one !== null) draw(picture.current!, one.grey, low, high);
  }, [one, low, high]);
  useEffect(() => {
    if (one === null) return;
    const power = halved(powerSpectrum(one.grey));
    draw(spectrum.current!, power, ...autoRange(histogramOf(power, BINS), SPECTRUM_CUT));
  }, [one]);

  if (isAbsent.value) {
    return <p class="empty">The picture could not be loaded. EPU may have moved or removed it.</p>;
  }
  const edgeA = one === null || pixelSizeA === null || widthPx === null
    ? null
    : (2 * pixelSizeA * widthPx) / one.grey.width;
  const { min, max } = one?.histogram ?? { min: 0, max: 255 };
  const at = (value: number) => ((value - min) / Math.max(1e-9, max - min)) * BOX.width;
  return (
    <div class={one === null ? "micrograph" : "micrograph drawn"}>
      <figure class="micrograph-picture lit">
        <img ref={image} src={src} alt={alt} />
        {one !== null && (
          <canvas
            ref={picture}
            width={one.grey.width}
            height={one.grey.height}
            role="img"
            aria-label={alt}
          />
        )}
      </figure>
      {one !== null && (
        <div class="micrograph-side">
          <fieldset class="histogram">
            <legend>Histogram</legend>
            <svg
              viewBox={`0 0 ${BOX.width} ${BOX.height}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={`Grey levels from ${Math.round(min)} to ${Math.round(max)}; black at ${
                Math.round(low)
              }, white at ${Math.round(high)}`}
            >
              <rect
                class="kept"
                x={at(low)}
                width={Math.max(1, at(high) - at(low))}
                height={BOX.height}
              />
              <path d={outlineOf(one.histogram, BOX.width, BOX.height)} />
            </svg>
            <Point
              label="Black"
              value={low}
              min={min}
              max={max}
              onInput={(value) => range.value = [Math.min(value, high - 1), high]}
            />
            <Point
              label="White"
              value={high}
              min={min}
              max={max}
              onInput={(value) => range.value = [low, Math.max(value, low + 1)]}
            />
            <div class="row">
              <button
                type="button"
                class="btn"
                onClick={() => range.value = autoRange(one.histogram)}
              >
                Auto
              </button>
              <button type="button" class="btn" onClick={() => range.value = [min, max]}>
                Full range
              </button>
            </div>
          </fieldset>
          <figure class="spectrum">
            <div class="lit">
              <canvas
                ref={spectrum}
                width={spectrumSide(one.grey) / 2}
                height={spectrumSide(one.grey) / 2}
                role="img"
                aria-label="Power spectrum of the picture"
              />
              {edgeA !== null && <Rings edgeA={edgeA} />}
            </div>
            <figcaption class="sub num">
              Power spectrum of the preview
              {edgeA === null ? "" : `; its edge is ${edgeA.toFixed(1)} Å, the preview’s own limit`}
            </figcaption>
          </figure>
        </div>
      )}
    </div>
  );
}

function Point(
  { label, value, min, max, onInput }: {
    label: string;
    value: number;
    min: number;
    max: number;
    onInput(value: number): void;
  },
) {
  return (
    <label class="point num">
      <span>{label}</span>
      <input
        type="range"
        min={Math.floor(min)}
        max={Math.ceil(max)}
        step={1}
        value={value}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
      <output>{Math.round(value)}</output>
    </label>
  );
}

/** Where resolutions lie in the spectrum: half and a quarter of its edge's frequency. */
function Rings({ edgeA }: { edgeA: number }) {
  return (
    <svg class="rings" viewBox="-100 -100 200 200" aria-hidden="true">
      {[1, 2, 4].map((part) => (
        <g key={part}>
          <circle r={100 / part} />
          <text x={3} y={-100 / part + 11}>{(edgeA * part).toFixed(0)} Å</text>
        </g>
      ))}
    </svg>
  );
}

function draw(canvas: HTMLCanvasElement, grey: Grey, low: number, high: number): void {
  const pixels = stretched(grey, low, high);
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, grey.width, grey.height), 0, 0);
}
