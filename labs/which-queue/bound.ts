/** Rejects with `late` when it takes longer; what is under way then goes on, and its own failure is nobody's any more. */
export async function within<T>(
  msMax: number,
  running: Promise<T>,
  late = `not done in ${msMax / 1000} s`,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(late)), msMax);
  });
  running.catch(() => {});
  try {
    return await Promise.race([running, over]);
  } finally {
    clearTimeout(timer);
  }
}
