/** What claim C91 says of each product, as data: from how many topics to how many, and what share of the throughput it says is left. */

export interface TopicsClaim {
  /** Topics at the two ends of what the claim speaks of. */
  readonly from: number;
  readonly to: number;
  /** The claim's words that the two ends come from. */
  readonly words: string;
  /** The claim holds when the share that is kept, 1 for all of it, is between these. */
  readonly keptMin: number;
  readonly keptMax: number;
  /** What a published test says that the product loses, in %, between `fallFrom` and `fallTo` topics; never measured here. */
  readonly fallPercent: number;
  readonly fallFrom: number;
  readonly fallTo: number;
}

const PUBLISHED = { fallFrom: 64, fallTo: 256 };

export const TOPICS_CLAIMS = {
  // "Steeply" is read as: at most half is left. The range is that of the published test.
  Kafka: { from: 64, to: 256, words: 'from tens to hundreds', keptMin: 0, keptMax: 0.5, fallPercent: 98, ...PUBLISHED },
  // "Little" is read as: at least four fifths are left.
  RocketMQ: {
    from: 64,
    to: 1_000,
    words: 'at hundreds or thousands',
    keptMin: 0.8,
    keptMax: Number.POSITIVE_INFINITY,
    fallPercent: 16,
    ...PUBLISHED,
  },
} as const satisfies Readonly<Record<string, TopicsClaim>>;

export function sourceOfFall({ fallFrom, fallTo }: TopicsClaim): string {
  return `a RocketMQ vendor's published test, ${fallFrom} to ${fallTo} topics; not measured here`;
}
