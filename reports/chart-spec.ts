/**
 * Chart specifications: what a run says about a picture, as plain JSON. A spec holds data and names, never colours,
 * sizes or library options: how it is drawn is decided in `charts/`, so every report looks the same and old run data
 * can be drawn anew.
 *
 * Invariant: every axis names its quantity and its unit (`unit: ''` where there is none), and every chart says where
 * its numbers are from (`source`).
 */

/** How a figure came to be. Never leave a reader to guess which of the four it is. */
export type FigureLabel = 'measured' | 'derived' | 'borrowed' | 'given';

/** What a mark says about itself; a renderer turns it into a colour *and* a shape or word. */
export type Tone = 'good' | 'bad' | 'warn' | 'neutral' | 'accent';

export type Axis = {
  /** The quantity: `time since start`, `queue depth`. */
  readonly name: string;
  /** `s`, `ms`, `records`, `records/s`, `MB/s`, `%`; `''` when it has none. */
  readonly unit: string;
  readonly scale?: 'linear' | 'log';
  readonly min?: number;
  readonly max?: number;
};

type ChartBase = {
  readonly title: string;
  /** One sentence under the picture: what to look at. */
  readonly caption?: string;
  /** Where the numbers are from: `measured, local target, 3 brokers`. */
  readonly source: string;
};

export type LineSeries = {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** `dashed` for a prediction beside a measurement. */
  readonly line?: 'solid' | 'dashed';
  /** Holds its value until the next point (queue depth, ISR size). */
  readonly step?: boolean;
};

/** A moment on the x axis: a fault, a heal, a consumer added. */
export type AxisMark = { readonly at: number; readonly label: string; readonly tone?: Tone };

export type LineChart = ChartBase & {
  readonly type: 'line';
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly LineSeries[];
  readonly marks?: readonly AxisMark[];
};

export type ScatterSeries = {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly tone?: Tone;
};

/** Dots: offsets against send order, latency against load. */
export type ScatterChart = ChartBase & {
  readonly type: 'scatter';
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly ScatterSeries[];
  readonly marks?: readonly AxisMark[];
};

export type BarSeries = {
  readonly name: string;
  /** One value a category; null where nothing was measured. */
  readonly values: readonly (number | null)[];
  /** Spread over the repetitions, drawn as a whisker. */
  readonly min?: readonly (number | null)[];
  readonly max?: readonly (number | null)[];
};

export type BarChart = ChartBase & {
  readonly type: 'bar';
  /** The quantity along the categories (`acks`, `partitions`). */
  readonly x: Axis;
  readonly y: Axis;
  readonly categories: readonly string[];
  readonly series: readonly BarSeries[];
  /** Bars lie down: for long category names. */
  readonly horizontal?: boolean;
};

export type HeatCell = {
  /** Index into `columns` and `rows`. */
  readonly column: number;
  readonly row: number;
  /** Number for a scale; null where nothing was measured. */
  readonly value: number | null;
  /** Text in the cell; default: the formatted value. */
  readonly text?: string;
  /** With tones the map is categorical (lost / refused / kept) and no scale is drawn. */
  readonly tone?: Tone;
};

export type HeatMapChart = ChartBase & {
  readonly type: 'heatmap';
  readonly x: Axis;
  readonly y: Axis;
  /** What a cell's value is. */
  readonly value: Axis;
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  readonly cells: readonly HeatCell[];
};

export type GanttBar = {
  /** Index into `rows`. */
  readonly row: number;
  readonly from: number;
  readonly until: number;
  readonly label?: string;
  /** Bars of one group share a colour (a consumer in an ownership chart). */
  readonly group: string;
};

/** Who held what, when: partitions against time, coloured by owner. */
export type GanttChart = ChartBase & {
  readonly type: 'gantt';
  readonly x: Axis;
  /** What a row is: `partition`. */
  readonly y: Axis;
  readonly rows: readonly string[];
  readonly bars: readonly GanttBar[];
  readonly marks?: readonly AxisMark[];
};

export type LanePoint = {
  /** Index into `lanes`. */
  readonly lane: number;
  readonly at: number;
  /** Short: it stands inside or beside the dot (`7`, `k1#3`). */
  readonly label: string;
  readonly tone?: Tone;
};

/** Key lanes: one row a key, partition or worker; numbered dots in the order in which they happened. */
export type LanesChart = ChartBase & {
  readonly type: 'lanes';
  readonly x: Axis;
  readonly y: Axis;
  readonly lanes: readonly string[];
  readonly points: readonly LanePoint[];
  readonly marks?: readonly AxisMark[];
};

/**
 * One thing that happened in a run. `until` makes it a bar (an operation from invoke to completion); `to` makes it an
 * arrow to another process (a message), which ends at `until ?? at`.
 */
export type TimelineEvent = {
  readonly process: string;
  readonly timeMs: number;
  readonly untilMs?: number;
  readonly to?: string;
  readonly kind:
    | 'ok'
    | 'fail'
    | 'info'
    | 'message'
    | 'lost-message'
    | 'commit'
    | 'effect'
    | 'fault'
    | 'crash'
    | 'heal'
    | 'violation'
    | 'note';
  readonly label: string;
};

/** Swim lanes: processes side by side, time running down; operations are bars, messages are arrows. */
export type TimelineChart = ChartBase & {
  readonly type: 'timeline';
  /** Order of the lanes; every event's process must be one of them. */
  readonly processes: readonly string[];
  readonly events: readonly TimelineEvent[];
};

export type ChartSpec = LineChart | ScatterChart | BarChart | HeatMapChart | GanttChart | LanesChart | TimelineChart;
