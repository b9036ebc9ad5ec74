/**
 * How far a long command is: on a terminal one line that is written over, in a pipe a plain line now and then. Always on stderr, so that
 * stdout holds results only.
 */
export class Progress {
  private readonly stream: NodeJS.WriteStream;
  private lastText = '';
  private lastLineMs = 0;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.stream = stream;
  }

  /** `done` of `of` within a part; `of` 0 when that is not known. */
  show(title: string, done: number, of: number, note: string): void {
    if (this.stream.isTTY) {
      const width = Math.max(40, this.stream.columns ?? 80);
      const bar = of > 0 ? `${meter(done / of)} ` : '';
      const text = `${bar}${title}  ${note}`.slice(0, width - 1);
      if (text === this.lastText) return;
      this.lastText = text;
      this.stream.write(`\r\u001b[2K${text}`);
      return;
    }
    const now = performance.now();
    const isEnd = of > 0 && done >= of;
    if (!isEnd && now - this.lastLineMs < PIPE_INTERVAL_MS) return;
    this.lastLineMs = now;
    const text = `${title}: ${note}${of > 1 ? ` (${done} of ${of})` : ''}`;
    if (text === this.lastText) return;
    this.lastText = text;
    this.stream.write(`${text}\n`);
  }

  /** Takes the line away, for a result to be printed in its place. */
  clear(): void {
    if (this.stream.isTTY && this.lastText !== '') this.stream.write('\r\u001b[2K');
    this.lastText = '';
  }
}

const PIPE_INTERVAL_MS = 2000;
const METER_CELLS = 20;

function meter(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * METER_CELLS);
  return `${'█'.repeat(full)}${'░'.repeat(METER_CELLS - full)}`;
}
