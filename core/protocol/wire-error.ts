/** Bytes that are no valid message: truncated, a length beyond its limits, an unknown enum value. The connection that sent them is closed. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WireError';
  }
}
