/** The codec of a batch: bits 0–2 of its attributes. */
export type CompressionType = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
