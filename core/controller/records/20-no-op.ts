import { message } from '../../protocol/schema.ts';

/** Nothing; an active controller writes it to move the end of the log. */
export const NoOpRecord = message('NoOpRecord', { versions: '0', flexible: '0+' }, {});
