/** What a user knows of the load to come: the inputs of a plan, and those of the interview's notes. */
export interface CapacityInputs {
  readonly users: number;
  /** Of each user in a day. */
  readonly messagesPerUser: number;
  /** Of one message. */
  readonly recordBytes: number;
  /** Peak over the average of the day. */
  readonly peakFactor: number;
  readonly replicas: number;
  readonly retentionSeconds: number;
  /** Of what a broker was measured to do: the rest is for the unforeseen. */
  readonly targetUtilization: number;
  /** Consumer groups that each read everything. */
  readonly consumerGroups: number;
  /** What one consumer takes to process one record; null: nothing is said, so only what reading costs counts. */
  readonly consumerMsPerRecord: number | null;
  /** How far behind a consumer may be and still read from memory. */
  readonly lagSeconds: number;
  /** As stored: producers compress. */
  readonly compression: string;
}

export const DAY_SECONDS = 86_400;

/** The example of the notes; what the notes do not say stands at this tool's defaults. */
export const NOTES_INPUTS: CapacityInputs = {
  users: 1e6,
  messagesPerUser: 100,
  recordBytes: 1024,
  peakFactor: 20,
  replicas: 2,
  retentionSeconds: 3 * DAY_SECONDS,
  targetUtilization: 0.6,
  consumerGroups: 1,
  consumerMsPerRecord: null,
  lagSeconds: 300,
  compression: 'none',
};

/** Which of them the notes name. */
export const NOTES_SAY_INPUTS = [
  'users',
  'messagesPerUser',
  'recordBytes',
  'peakFactor',
  'replicas',
  'retentionSeconds',
] as const satisfies readonly (keyof CapacityInputs)[];
