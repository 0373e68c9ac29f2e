// Geometry of a plot: where a value stands, which values the axis names, and the path of a line. Pure.

export interface Point {
  /** Milliseconds since 1970. */
  at: number;
  /** Null: nothing is known, and the line has a gap. */
  value: number | null;
}

export interface Series {
  name: string;
  points: Point[];
}

/** A box in the units of the drawing; y grows downwards. */
export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Frame {
  box: Box;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** Value at the upper edge; the lower one is 0. */
  most: number;
}

/** Values for the axis: 0 and up to five round steps, the last at or above `highest`. */
export function steps(highest: number): number[] {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const count = Math.ceil(highest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)));
}

/** The same for things that cannot be halved. */
export function wholeSteps(highest: number): number[] {
  return highest <= 4 ? Array.from({ length: Math.max(1, Math.ceil(highest)) + 1 }, (_, at) => at) : steps(highest);
}

export function place(frame: Frame, at: number, value: number): { x: number; y: number } {
  const { box, from, to, most } = frame;
  const share = to > from ? (at - from) / (to - from) : 1;
  return {
    x: Math.round((box.left + share * (box.right - box.left)) * 10) / 10,
    y: Math.round((box.bottom - (value / most) * (box.bottom - box.top)) * 10) / 10,
  };
}

/** Milliseconds between two points from which on they are not joined: looks were missed, or the engine was away. */
const GAP = 4;

/** The path of a line, with gaps where nothing is known. A point alone is a dot. */
export function path(frame: Frame, points: Point[], stepMs: number): string {
  let text = '';
  let last: Point | null = null;
  points.forEach((point, at) => {
    const { value } = point;
    if (value === null || point.at < frame.from) {
      last = null;
      return;
    }
    const { x, y } = place(frame, point.at, value);
    const isJoined = last !== null && point.at - last.at <= stepMs * GAP;
    const next = points[at + 1];
    const isAlone = !isJoined && (next === undefined || next.value === null || next.at - point.at > stepMs * GAP);
    text += `${isJoined ? 'L' : 'M'}${x} ${y}${isAlone ? 'h0.1' : ''}`;
    last = point;
  });
  return text;
}

export function highest(series: Series[]): number {
  return Math.max(0, ...series.flatMap(({ points }) => points.map(({ value }) => value ?? 0)));
}

/** The moment of `times`, which are in order, that is nearest to `at`. */
export function nearest(times: number[], at: number): number | null {
  let best: number | null = null;
  for (const time of times) {
    if (best === null || Math.abs(time - at) < Math.abs(best - at)) best = time;
  }
  return best;
}

/** Rows of the table behind a plot: the first moment of each stretch of `everyMs`, newest first. */
export function rows(series: Series[], everyMs: number): { at: number; values: (number | null)[] }[] {
  const moments = new Map<number, { at: number; values: (number | null)[] }>();
  series.forEach(({ points }, column) => {
    for (const { at, value } of points) {
      const stretch = Math.floor(at / everyMs);
      const row = moments.get(stretch) ?? { at, values: series.map(() => null) };
      if (row.at === at || row.values[column] === null) row.values[column] ??= value;
      moments.set(stretch, row);
    }
  });
  return [...moments.values()].sort((one, other) => other.at - one.at);
}
