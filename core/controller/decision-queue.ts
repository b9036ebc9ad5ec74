import { ErrorCode } from '../protocol/errors.ts';
import type { Decision } from './decision.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/**
 * One decision after another: made on an image that has all records of the ones before, answered once its own are committed and replayed.
 *
 * Invariant: a decision is made only in the term in which it was asked for, and a term ends when its log does. What was asked in a term that is over, or could not
 * be committed, is refused as by a node that is not the controller: of records that were on their way nobody knows whether they will be committed.
 */
export interface MetadataLogWriter {
  /** Resolves once the records, one batch, are committed and replayed into the image. Rejects when this node is the leader of the log no more. */
  append(records: readonly NewMetadataRecord[]): Promise<{ readonly lastOffset: number }>;
  /** The offset of the next record. */
  readonly logEndOffset: number;
}

/** Ask the active controller; whether what was asked for was done is not known. */
export class NotControllerError extends Error {
  override readonly name = 'NotControllerError';
  readonly errorCode: number = ErrorCode.NOT_CONTROLLER;

  constructor(cause?: unknown) {
    super('This node is not the active controller.', { cause });
  }
}

/** More decisions wait than a controller that gets on with its work would ever have: it does not. */
export const PENDING_DECISIONS_MAX = 10_000;

export interface CommitOptions<Response> {
  /** Only the answer is wanted. */
  readonly validateOnly?: boolean;
  /** Called before the next decision is made. `lastOffset` is the last record's; null when there was none. */
  readonly whenCommitted?: (response: Response, lastOffset: number | null) => void;
}

export class DecisionQueue {
  private readonly log: MetadataLogWriter;
  private readonly onAppend: () => void;
  /** The decision before the next one. */
  private last: Promise<unknown> = Promise.resolve();
  private term = 0;
  private isOpen = false;
  private pending = 0;

  /** `onAppend` is told of every batch that was committed. */
  constructor(log: MetadataLogWriter, onAppend: () => void) {
    this.log = log;
    this.onAppend = onAppend;
  }

  get isActive(): boolean {
    return this.isOpen;
  }

  /** A new term. */
  open(): void {
    this.term++;
    this.isOpen = true;
  }

  close(): void {
    this.term++;
    this.isOpen = false;
  }

  /** Rejects with NotControllerError. `decide` is called again, with true, after a decision that was partial. */
  commit<Response>(
    decide: (isContinued: boolean) => Decision<Response>,
    options: CommitOptions<Response> = {},
  ): Promise<Response> {
    if (!this.isOpen || this.pending >= PENDING_DECISIONS_MAX) return Promise.reject(new NotControllerError());
    const { term } = this;
    this.pending++;
    const done = this.last.then(() => this.run(term, decide, options)).finally(() => this.pending--);
    this.last = done.catch(() => {});
    return done;
  }

  private async run<Response>(
    term: number,
    decide: (isContinued: boolean) => Decision<Response>,
    { validateOnly = false, whenCommitted }: CommitOptions<Response>,
  ): Promise<Response> {
    let lastOffset: number | null = null;
    for (let isContinued = false; ; isContinued = true) {
      if (term !== this.term) throw new NotControllerError();
      const { records, response, isPartial } = decide(isContinued);
      if (!validateOnly && records.length > 0) lastOffset = await this.append(records);
      if (isPartial === true && !validateOnly) continue;
      whenCommitted?.(response, lastOffset);
      return response;
    }
  }

  private async append(records: readonly NewMetadataRecord[]): Promise<number> {
    try {
      const { lastOffset } = await this.log.append(records);
      this.onAppend();
      return lastOffset;
    } catch (error) {
      throw new NotControllerError(error);
    }
  }
}
