/** The user asked for something that there is not: the message names it and what is allowed. Exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** One of `allowed`, or a UsageError that lists them. */
export function oneOf<const T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(value)) return value as T;
  throw new UsageError(`${flag} ${value}: allowed are ${allowed.join(', ')}`);
}

/** A whole number from `min` on, or a UsageError. */
export function wholeNumber(flag: string, value: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isInteger(number) && number >= min && number <= max) return number;
  throw new UsageError(
    `${flag} ${value}: a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`} is wanted`,
  );
}
