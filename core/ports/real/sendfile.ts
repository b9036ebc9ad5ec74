/**
 * One step of sendfile: from the page cache to a non-blocking socket, without a byte in JavaScript.
 * Linux only; `sendfileCall` says whether it exists here. What to do when the socket is full is the send queue's business.
 */
import { EAGAIN, EINTR, errnoName, posix } from './posix.ts';

export type SendfileResult =
  | { readonly kind: 'sent'; readonly bytes: number }
  /** The socket takes no more at present. */
  | { readonly kind: 'full' }
  /** The file's system does not support it: copy. */
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'failed'; readonly code: string };

export type SendfileCall = (socketFd: number, fileFd: number, position: number, length: number) => SendfileResult;

const FULL: SendfileResult = { kind: 'full' };
const UNSUPPORTED: SendfileResult = { kind: 'unsupported' };

export function sendfileCall(): SendfileCall | null {
  const call = posix()?.sendfile ?? null;
  if (call === null) return null;
  return (socketFd, fileFd, position, length) => {
    for (;;) {
      const result = call(socketFd, fileFd, position, length);
      if (result > 0) return { kind: 'sent', bytes: result };
      // Shorter than the slice promises: the range was cut, which its maker swore not to do.
      if (result === 0) return { kind: 'failed', code: 'EIO' };
      if (result === -EAGAIN) return FULL;
      if (result === -EINTR) continue;
      const code = errnoName(-result);
      return code === 'EINVAL' || code === 'ENOSYS' || code === 'EOPNOTSUPP' ? UNSUPPORTED : { kind: 'failed', code };
    }
  };
}
