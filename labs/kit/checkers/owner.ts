/**
 * OWNER: only the owner of a partition, at its generation, makes effects and commits in it.
 *
 * Who owns what follows from `assign` and `revoke` as members learnt of them, and the group's latest generation for a partition wins: a member that was not
 * told yet is no owner any more. A call that began under ownership may have acted then, however late its answer came. Outcomes that are not ok accuse nobody: an effect or commit that was refused is the cure. Processes that never
 * took part in a group, and effects whose partition nobody knows, are not judged.
 */
import { memberOf, partitionName } from '../history.ts';
import { oneCheck } from './check.ts';
import type { CompleteCall } from './index-history.ts';

interface Ownership {
  readonly member: string;
  readonly generation: number;
  readonly operation: number;
  readonly released: boolean;
}

export const owner = oneCheck('OWNER', (index, findings) => {
  const owners = new Map<string, Ownership>();
  const groupOf = new Map<string, string>();
  /** Calls that began while the member owned the partition: the act may have been before the ownership ended. */
  const begunAsOwner = new Set<CompleteCall>();
  const acts = index.calls
    .filter(({ outcome }) => outcome === 'ok')
    .flatMap((call) => (call.end === call.start ? [] : [{ at: call.start, call }]).concat({ at: call.end!, call }))
    .sort((a, b) => a.at - b.at);
  for (const { at, call } of acts) {
    const { data } = call;
    const ends = at === call.end;
    const member = memberOf(call.process);
    if (data.type === 'assign' || data.type === 'revoke') {
      if (!ends) continue;
      groupOf.set(member, data.group);
      for (const { topic, partition } of data.partitions) {
        const id = `${data.group}\u0000${partitionName(topic, partition)}`;
        const now = owners.get(id);
        if (data.type === 'assign') {
          if (now !== undefined && now.generation > data.generation) continue;
          owners.set(id, { member, generation: data.generation, operation: call.end!, released: false });
        } else if (now?.member === member) owners.set(id, { ...now, operation: call.end!, released: true });
      }
      continue;
    }
    if (data.type !== 'effect' && data.type !== 'commit') continue;
    const group = data.type === 'commit' ? data.group : groupOf.get(member);
    if (group === undefined || !groupOf.has(member)) continue;
    const place =
      data.type === 'commit' || data.partition === undefined || data.topic === undefined
        ? data.type === 'commit'
          ? data
          : index.placesOf.get(data.value)?.[0]
        : { topic: data.topic, partition: data.partition };
    if (place === undefined) continue;
    const name = partitionName(place.topic, place.partition);
    const now = owners.get(`${group}\u0000${name}`);
    if (now === undefined) continue;
    const generation = data.generation ?? -1;
    const isOwner = now.member === member && !now.released && (generation < 0 || generation === now.generation);
    // A cooperative member keeps a partition over generations without being told of it again.
    const kept = now.member === member && !now.released && generation > now.generation;
    if (isOwner || kept) {
      if (!ends) begunAsOwner.add(call);
      continue;
    }
    if (!ends || begunAsOwner.has(call)) continue;
    findings.add(
      { operations: [now.operation, call.start, call.end!], values: data.type === 'effect' ? [data.value] : [] },
      () =>
        `${call.process} made ${data.type === 'effect' ? `the effect of ${data.value}` : `commit ${data.offset}`} in ${name}${
          now.released ? ' after it had given it up' : `, which ${now.member} owned at generation ${now.generation}`
        }.`,
    );
  }
});
