/**
 * Smaller plans in which two things change at once: an element goes, and what is counted in steps moves up with it.
 *
 * Why: fast-check shrinks one value at a time. Where a fault fires at a step that depends on how many records come before it, no single
 * change still breaks anything, and the counterexample would stay long. Candidates come shortest step first; none empties a list.
 */
const STEPS_UP_MAX = 8;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Candidates for a plan that is a JSON object: an element of one of its lists removed, and every `step` in it lowered by 0 to 8. */
export function* smallerPlans(plan: unknown): Generator<unknown> {
  if (plan === null || typeof plan !== 'object' || Array.isArray(plan)) return;
  const from = plan as { readonly [key: string]: Json };
  const stepMin = Math.min(...stepsIn(from));
  const upMax = Number.isFinite(stepMin) ? Math.min(STEPS_UP_MAX, stepMin) : 0;
  for (const [name, list] of Object.entries(from)) {
    if (!Array.isArray(list) || list.length < 2) continue;
    for (let at = list.length - 1; at >= 0; at--) {
      const without = { ...from, [name]: list.toSpliced(at, 1) };
      for (let up = upMax; up >= 0; up--) yield lowerSteps(without, up);
    }
  }
  for (let up = upMax; up > 0; up--) yield lowerSteps(from, up);
}

function stepsIn(value: Json): number[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap(stepsIn);
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'step' && typeof inner === 'number' ? [inner] : stepsIn(inner),
  );
}

function lowerSteps(value: Json, up: number): Json {
  if (up === 0 || value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((inner) => lowerSteps(inner, up));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'step' && typeof inner === 'number' ? Math.max(0, inner - up) : lowerSteps(inner, up),
    ]),
  );
}
