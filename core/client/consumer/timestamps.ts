/** The special times of ListOffsets: names for ends of the log instead of times. */
export const LATEST_TIMESTAMP = -1;
export const EARLIEST_TIMESTAMP = -2;
/** The offset of the record with the largest timestamp (KIP-734). */
export const MAX_TIMESTAMP = -3;
