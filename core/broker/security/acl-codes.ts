/** The codes of access rules that Kafka knows: one that it does not know breaks the protocol, and ends the connection. Code 0 is "unknown". */
const CODE_MAX = { resourceType: 7, patternType: 4, operation: 15, permissionType: 3 } as const;

export function hasUnknownCode(codes: Readonly<Record<keyof typeof CODE_MAX, number>>): boolean {
  return (Object.keys(CODE_MAX) as (keyof typeof CODE_MAX)[]).some((name) => {
    const code = codes[name];
    return code <= 0 || code > CODE_MAX[name];
  });
}

export const UNKNOWN_CODES = 'access rules with unknown codes';
/** This broker has no authorizer (`authorizer.class.name` is empty), so nothing is denied, and no rules are kept. */
export const NO_AUTHORIZER = 'No Authorizer is configured.';
