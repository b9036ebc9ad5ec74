/**
 * What a host of nodes is told and what it says: a line of JSON each. Orders come one at a time; only `drop` may come before another is done, which then
 * is never answered.
 */
export type HostOrder = { readonly number: number } & HostTask;

export type HostTask =
  /** Done when clients can connect. */
  | {
      readonly task: 'start';
      /** By Kafka's names. */
      readonly properties: Readonly<Record<string, string>>;
      /** While it exists the disk is full. */
      readonly fullDiskFile: string | null;
    }
  /** A clean shutdown. */
  | { readonly task: 'stop' }
  /** The broker ends here and now, as if its process were gone. */
  | { readonly task: 'drop' };

/** The order of this number is done; 0: the host is up. One that cannot be done ends the host, with the reason in its log. */
export interface HostAnswer {
  readonly done: number;
}
