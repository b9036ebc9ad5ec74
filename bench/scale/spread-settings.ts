/** Of the spread load: the same for every number of topics. */
export const RECORD_BYTES = 1024;
export const RECORDS_PER_BATCH = 16;
