/**
 * The shape of run data, property by property: the run-time twin of `run-data.ts` and `chart-spec.ts`. A property
 * added there is added here, else the loader refuses it as unknown.
 */
import {
  aBoolean,
  aCount,
  aNumber,
  anInstant,
  aString,
  aWord,
  chosenBy,
  listOf,
  mapOf,
  matching,
  nullable,
  objectOf,
  oneOf,
  type Shape,
  taggedBy,
  tupleOf,
} from './shape.ts';

/** Names that a template can quote. */
const aName = matching(/^[A-Za-z][\w.-]*$/, 'a name of letters, digits, dots, dashes, beginning with a letter');
const aFileName = matching(/^[a-z][a-z0-9-]*$/, 'lower case letters, digits and dashes');
const aClaimId = matching(/^C\d{2,3}$/, 'a claim id (C01)');
const aTone = oneOf('good', 'bad', 'warn', 'neutral', 'accent');
const aVariant = oneOf('before', 'after');
const aRunVerdict = oneOf('holds', 'violated', 'legal anomaly', 'inconclusive', 'measured');
const texts = mapOf(aString);

const axis = objectOf({ name: aWord, unit: aString }, { scale: oneOf('linear', 'log'), min: aNumber, max: aNumber });
const point = tupleOf(aNumber, aNumber);
const mark = objectOf({ at: aNumber, label: aWord }, { tone: aTone });
const chartBase = { title: aWord, source: aWord };
const maybeCaption = { caption: aString };
const maybeMarks = { ...maybeCaption, marks: listOf(mark) };

const timelineEvent = objectOf(
  {
    process: aWord,
    timeMs: aNumber,
    kind: oneOf(
      'ok',
      'fail',
      'info',
      'message',
      'lost-message',
      'commit',
      'effect',
      'fault',
      'crash',
      'heal',
      'violation',
      'note',
    ),
    label: aString,
  },
  { untilMs: aNumber, to: aWord },
);

const chart: Shape = taggedBy('type', {
  line: objectOf(
    {
      ...chartBase,
      type: oneOf('line'),
      x: axis,
      y: axis,
      series: listOf(
        objectOf({ name: aWord, points: listOf(point) }, { line: oneOf('solid', 'dashed'), step: aBoolean }),
      ),
    },
    maybeMarks,
  ),
  scatter: objectOf(
    {
      ...chartBase,
      type: oneOf('scatter'),
      x: axis,
      y: axis,
      series: listOf(objectOf({ name: aWord, points: listOf(point) }, { tone: aTone })),
    },
    maybeMarks,
  ),
  bar: objectOf(
    {
      ...chartBase,
      type: oneOf('bar'),
      x: axis,
      y: axis,
      categories: listOf(aWord, { min: 1 }),
      series: listOf(
        objectOf(
          { name: aWord, values: listOf(nullable(aNumber)) },
          { min: listOf(nullable(aNumber)), max: listOf(nullable(aNumber)) },
        ),
      ),
    },
    { ...maybeCaption, horizontal: aBoolean },
  ),
  heatmap: objectOf(
    {
      ...chartBase,
      type: oneOf('heatmap'),
      x: axis,
      y: axis,
      value: axis,
      columns: listOf(aWord, { min: 1 }),
      rows: listOf(aWord, { min: 1 }),
      cells: listOf(
        objectOf({ column: aCount, row: aCount, value: nullable(aNumber) }, { text: aString, tone: aTone }),
      ),
    },
    maybeCaption,
  ),
  gantt: objectOf(
    {
      ...chartBase,
      type: oneOf('gantt'),
      x: axis,
      y: axis,
      rows: listOf(aWord, { min: 1 }),
      bars: listOf(objectOf({ row: aCount, from: aNumber, until: aNumber, group: aWord }, { label: aString })),
    },
    maybeMarks,
  ),
  lanes: objectOf(
    {
      ...chartBase,
      type: oneOf('lanes'),
      x: axis,
      y: axis,
      lanes: listOf(aWord, { min: 1 }),
      points: listOf(objectOf({ lane: aCount, at: aNumber, label: aString }, { tone: aTone })),
    },
    maybeMarks,
  ),
  timeline: objectOf(
    { ...chartBase, type: oneOf('timeline'), processes: listOf(aWord, { min: 1 }), events: listOf(timelineEvent) },
    maybeCaption,
  ),
});

const figure = objectOf(
  { value: aNumber, unit: aString, label: oneOf('measured', 'derived', 'borrowed', 'given') },
  { samples: aCount, min: aNumber, max: aNumber, source: aWord },
);

const cell: Shape = chosenBy((value) => {
  if (value === null || typeof value === 'string') return nullable(aString);
  if (typeof value === 'number') return aNumber;
  const isFigure = typeof value === 'object' && Object.hasOwn(value as object, 'figure');
  return isFigure ? objectOf({ figure: aName }) : objectOf({ text: aString, tone: aTone });
});

const table = objectOf(
  {
    title: aWord,
    columns: listOf(objectOf({ name: aWord }, { unit: aString, align: oneOf('left', 'right') }), { min: 1 }),
    rows: listOf(listOf(cell)),
  },
  { note: aString },
);

const base = {
  machine: objectOf({ cpu: aWord, cores: aCount, memoryBytes: aCount, kernel: aWord, node: aWord }),
  versions: texts,
  startedAt: anInstant,
  settings: texts,
  figures: mapOf(figure, aName),
  charts: mapOf(chart, aName),
  tables: mapOf(table, aName),
  limits: listOf(aWord),
};

const verdict = objectOf(
  {
    lab: aFileName,
    claim: aClaimId,
    target: aWord,
    client: aWord,
    variant: aVariant,
    expected: aRunVerdict,
    verdict: aRunVerdict,
    claimVerdict: oneOf('confirmed', 'refuted', 'outdated', 'conditional', 'not measurable here', 'inconclusive'),
    scope: aWord,
    runs: aCount,
    seed: aWord,
    replay: aWord,
    historyHash: aString,
    version: aWord,
    exercised: listOf(objectOf({ goal: aWord, reached: aCount, of: aCount })),
  },
  { findings: listOf(aWord), scenario: aWord },
);

const witness = objectOf(
  {
    title: aWord,
    claim: aClaimId,
    variant: aVariant,
    target: aWord,
    client: aWord,
    seed: aWord,
    replay: aWord,
    plan: listOf(objectOf({ kind: oneOf('operation', 'fault'), text: aWord })),
    story: listOf(aWord, { min: 1, max: 5 }),
    processes: listOf(aWord, { min: 1 }),
    events: listOf(timelineEvent, { min: 1 }),
    finding: objectOf({ checker: aWord, detail: aString }),
  },
  { shrunkFrom: aCount },
);

const history = objectOf({
  note: aString,
  total: aCount,
  operations: listOf(
    objectOf({
      process: aWord,
      type: oneOf('invoke', 'ok', 'fail', 'info'),
      timeMs: aNumber,
      operation: aWord,
      value: aString,
    }),
  ),
});

export const labRunShape: Shape = objectOf(
  {
    ...base,
    schema: aWord,
    lab: aFileName,
    title: aWord,
    question: aWord,
    claims: listOf(
      objectOf({ id: aClaimId, kinds: listOf(oneOf('M', 'B', 'F'), { min: 1 }), group: aWord, text: aWord }),
    ),
    verdicts: listOf(verdict),
    witnesses: mapOf(witness, aName),
    text: texts,
  },
  {
    durationMs: aNumber,
    witnessesAbsent: listOf(aName),
    price: listOf(objectOf({ metric: aWord, before: aName, after: aName })),
    clients: listOf(objectOf({ name: aWord, version: aWord, settings: texts })),
    code: mapOf(objectOf({ path: aWord, language: aString, text: aString }), aName),
    history,
  },
);

export const benchRunShape: Shape = objectOf(
  {
    ...base,
    schema: aWord,
    kind: oneOf('micro', 'compare', 'load'),
    bench: aFileName,
    title: aWord,
    about: aString,
    replay: aWord,
    results: listOf(
      objectOf(
        {
          group: aWord,
          workload: aWord,
          metric: aWord,
          unit: aString,
          betterIs: oneOf('higher', 'lower'),
          system: aWord,
          version: aWord,
          median: aNumber,
          min: aNumber,
          max: aNumber,
          samples: aCount,
        },
        { pairs: aCount, ratioToKafka: aNumber },
      ),
    ),
  },
  { durationMs: aNumber },
);
